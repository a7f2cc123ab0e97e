/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/annotation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

#define PAIRS(...)                                                                                                     \
	((struct oci_pairs){ .v = (struct oci_pair[]){ __VA_ARGS__ },                                                  \
	                     .n = sizeof((struct oci_pair[]){ __VA_ARGS__ }) / sizeof(struct oci_pair) })

static void each_manager_tells_the_role(void **state)
{
	static const struct {
		struct oci_pair pairs[2];
		enum pod_role role;
		const char *sandbox;
	} table[] = {
		{ { { "other", "x" } }, POD_SINGLE_CONTAINER, NULL },
		{ { { "io.kubernetes.cri.container-type", "sandbox" } }, POD_SANDBOX, NULL },
		{ { { "io.kubernetes.cri.container-type", "container" }, { "io.kubernetes.cri.sandbox-id", "s1" } },
		  POD_CONTAINER,
		  "s1" },
		{ { { "io.kubernetes.cri-o.ContainerType", "container" }, { "io.kubernetes.cri-o.SandboxID", "s2" } },
		  POD_CONTAINER,
		  "s2" },
		{ { { "io.kubernetes.cri-o.SandboxID", "s2" } }, POD_CONTAINER, "s2" },
		{ { { "io.kubernetes.cri-o.SandboxID", "" } }, POD_SINGLE_CONTAINER, NULL },
		{ { { "io.kubernetes.docker.type", "podsandbox" } }, POD_SANDBOX, NULL },
		{ { { "io.kubernetes.docker.type", "container" }, { "io.kubernetes.sandbox.id", "s3" } },
		  POD_CONTAINER,
		  "s3" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct oci_pairs pairs = { .v = (struct oci_pair *)table[i].pairs, .n = table[i].pairs[1].key ? 2 : 1 };
		enum pod_role role;
		const char *sandbox = NULL;

		assert_int_equal(annotation_role(&pairs, &role, &sandbox, NULL), 0);
		assert_int_equal(role, table[i].role);
		if (table[i].sandbox)
			assert_string_equal(sandbox, table[i].sandbox);
	}
}

static void a_role_that_nobody_knows_is_refused(void **state)
{
	struct oci_pairs unknown = PAIRS({ "io.kubernetes.cri.container-type", "pause" });
	struct oci_pairs homeless = PAIRS({ "io.kubernetes.cri.container-type", "container" });
	struct err err = ERR_INIT;
	enum pod_role role;
	const char *sandbox;

	(void)state;
	assert_int_equal(annotation_role(&unknown, &role, &sandbox, &err), -EINVAL);
	assert_string_equal(err.text, "annotation 'io.kubernetes.cri.container-type': 'pause' is neither 'sandbox' nor "
	                              "'container'");
	assert_int_equal(annotation_role(&homeless, &role, &sandbox, &err), -EINVAL);
	assert_string_equal(err.text,
	                    "annotation 'io.kubernetes.cri.sandbox-id': missing, the container's sandbox is not "
	                    "known");
}

static void keys_of_the_hypervisor_need_leave(void **state)
{
	_autoconfig_ struct config c;
	struct oci_pairs pairs = PAIRS({ "io.katacontainers.config.hypervisor.default_vcpus", "3.5" });
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(config_init(&c, NULL), 0);
	assert_int_equal(annotation_apply(&c, &pairs, &err), -EPERM);
	assert_string_equal(err.text, "annotation 'io.katacontainers.config.hypervisor.default_vcpus': not in the "
	                              "configuration's enable_annotations");
	assert_int_equal(config_set(&c, "hypervisor", "enable_annotations", "memory vcpus", NULL), 0);
	assert_int_equal(annotation_apply(&c, &pairs, &err), 0);
	assert_float_equal(c.hypervisor.default_vcpus, 3.5, 0);
}

static void no_annotation_widens_the_gate(void **state)
{
	_autoconfig_ struct config c;
	struct oci_pairs globs = PAIRS({ "io.katacontainers.config.hypervisor.valid_hypervisor_paths", "/tmp/*" });
	struct oci_pairs gate = PAIRS({ "io.katacontainers.config.hypervisor.enable_annotations", ".*" });

	(void)state;
	assert_int_equal(config_init(&c, NULL), 0);
	assert_int_equal(config_set(&c, "hypervisor", "enable_annotations", ".*", NULL), 0);
	assert_int_equal(annotation_apply(&c, &globs, NULL), -EPERM);
	assert_int_equal(annotation_apply(&c, &gate, NULL), -EPERM);
}

/* Regular expressions over keys are one gate, the globs over paths another; without globs it is shut. */
static void paths_need_a_glob(void **state)
{
	static const struct {
		const char *key, *globs, *value;
		int expected;
	} table[] = {
		{ "path", "", "/usr/bin/qemu-system-x86_64", -EPERM },
		{ "path", "/usr/bin/qemu-*", "/usr/bin/qemu-kvm", 0 },
		{ "path", "/usr/bin/qemu-*", "/usr/bin/qemu-/../sh", -EPERM },
		{ "path", "/usr/bin/*", "/tmp/evil", -EPERM },
		{ "entropy_source", "", "/dev/zero", -EPERM },
		{ "virtio_fs_daemon", "", "/tmp/evil", -EPERM },
		{ "vhost_user_vsock_daemon", "", "/tmp/evil", -EPERM },
		{ "sandbox_bind_mounts", "", "/etc", -EPERM },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autoconfig_ struct config c;
		bool is_runtime = strcmp(table[i].key, "sandbox_bind_mounts") == 0;
		char key[128];
		struct oci_pairs pairs = PAIRS({ key, (char *)table[i].value });

		(void)snprintf(key, sizeof(key), "io.katacontainers.config.%s.%s",
		               is_runtime ? "runtime" : "hypervisor", table[i].key);
		assert_int_equal(config_init(&c, NULL), 0);
		assert_int_equal(config_set(&c, "hypervisor", "enable_annotations", ".*", NULL), 0);
		assert_int_equal(config_set(&c, "hypervisor", "valid_hypervisor_paths", table[i].globs, NULL), 0);
		assert_int_equal(annotation_apply(&c, &pairs, NULL), table[i].expected);
	}
}

/* A pod that was written for upstream runs here too, as long as what it asks for is no promise. */
static void what_does_nothing_is_accepted(void **state)
{
	_autoconfig_ struct config c;
	struct oci_pairs unused = PAIRS({ "io.katacontainers.config.hypervisor.enable_iommu", "true" });
	struct oci_pairs policy = PAIRS({ "io.katacontainers.config.agent.policy", "cGFja2FnZQ==" });

	(void)state;
	assert_int_equal(config_init(&c, NULL), 0);
	assert_int_equal(annotation_apply(&c, &unused, NULL), -EPERM);
	assert_int_equal(config_set(&c, "hypervisor", "enable_annotations", "iommu", NULL), 0);
	assert_int_equal(annotation_apply(&c, &unused, NULL), 0);
	assert_int_equal(annotation_apply(&c, &policy, NULL), -ENOENT);
}

static void values_are_taken_over(void **state)
{
	_autoconfig_ struct config c;
	struct oci_pairs pairs = PAIRS({ "io.katacontainers.config.hypervisor.kernel_params", "debug agent.log=trace" },
	                               { "io.katacontainers.config.hypervisor.default_max_vcpus", "4" },
	                               { "io.katacontainers.config.agent.kernel_modules", "e1000 debug=1; ;i915" },
	                               { "io.katacontainers.config.runtime.sandbox_cgroup_only", "true" },
	                               { "io.katacontainers.pkg.oci.container_type", "ignored" });

	(void)state;
	assert_int_equal(config_init(&c, NULL), 0);
	assert_int_equal(config_set(&c, "hypervisor", "enable_annotations", ".*", NULL), 0);
	assert_int_equal(config_set(&c, "hypervisor", "kernel_params", "quiet agent.log=info debugger", NULL), 0);
	assert_int_equal(annotation_apply(&c, &pairs, NULL), 0);
	assert_string_equal(c.hypervisor.kernel_params, "quiet debugger debug agent.log=trace");
	assert_int_equal(c.hypervisor.default_maxvcpus, 4);
	assert_int_equal(c.agent.kernel_modules.n, 2);
	assert_string_equal(c.agent.kernel_modules.v[0], "e1000 debug=1");
	assert_string_equal(c.agent.kernel_modules.v[1], "i915");
	assert_true(c.runtime.sandbox_cgroup_only);
}

static void bad_values_name_the_annotation(void **state)
{
	static const struct {
		struct oci_pair pair;
		int expected;
		const char *text;
	} table[] = {
		{ { "io.katacontainers.config.runtime.sandbox_cgroup_only", "yes" },
		  -EINVAL,
		  "annotation 'io.katacontainers.config.runtime.sandbox_cgroup_only': runtime.sandbox_cgroup_only: "
		  "expected "
		  "true or false, not 'yes'" },
		{ { "io.katacontainers.config.hypervisor.default_vcpus", "many" },
		  -EINVAL,
		  "annotation 'io.katacontainers.config.hypervisor.default_vcpus': hypervisor.default_vcpus: expected "
		  "a "
		  "number, not 'many'" },
		{ { "io.katacontainers.config.runtime.nonsense", "1" },
		  -ENOENT,
		  "annotation 'io.katacontainers.config.runtime.nonsense': runtime.nonsense: there is no such key" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autoconfig_ struct config c;
		struct oci_pair pair = table[i].pair;
		struct oci_pairs pairs = { .v = &pair, .n = 1 };
		struct err err = ERR_INIT;

		assert_int_equal(config_init(&c, NULL), 0);
		assert_int_equal(config_set(&c, "hypervisor", "enable_annotations", ".*", NULL), 0);
		assert_int_equal(annotation_apply(&c, &pairs, &err), table[i].expected);
		assert_string_equal(err.text, table[i].text);
	}
}

static void the_pod_tells_its_size(void **state)
{
	struct oci_pairs pairs = PAIRS({ "io.kubernetes.cri.sandbox-cpu-quota", "-1" },
	                               { "io.kubernetes.cri.sandbox-cpu-shares", "512" },
	                               { "io.kubernetes.cri.sandbox-memory", "134217728" });
	struct oci_pairs bad = PAIRS({ "io.kubernetes.cri.sandbox-memory", "128M" });
	struct annotation_size size;

	(void)state;
	assert_int_equal(annotation_size(&pairs, &size, NULL), 0);
	assert_int_equal(size.cpu_quota, -1);
	assert_int_equal(size.cpu_period, 0);
	assert_int_equal(size.cpu_shares, 512);
	assert_int_equal(size.memory, 134217728);
	assert_int_equal(annotation_size(&bad, &size, NULL), -EINVAL);
}

int test_annotation(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_manager_tells_the_role),
		cmocka_unit_test(a_role_that_nobody_knows_is_refused),
		cmocka_unit_test(keys_of_the_hypervisor_need_leave),
		cmocka_unit_test(no_annotation_widens_the_gate),
		cmocka_unit_test(paths_need_a_glob),
		cmocka_unit_test(what_does_nothing_is_accepted),
		cmocka_unit_test(values_are_taken_over),
		cmocka_unit_test(bad_values_name_the_annotation),
		cmocka_unit_test(the_pod_tells_its_size),
	};

	return cmocka_run_group_tests_name("annotation", tests, NULL, NULL);
}
