/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/guestspec.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "tests/lib/unit.h"

static const char config[] =
	"{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"rootfs\"},"
	"\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],\"cwd\":\"/\",\"apparmorProfile\":\"x\"},"
	"\"annotations\":{\"a\":\"b\"},"
	"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"/var/lib/"
	"hosts\",\"options\":[\"rbind\",\"ro\"]},"
	"{\"destination\":\"/data\",\"source\":\"volume\",\"options\":[\"bind\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/var/shm\"}],"
	"\"linux\":{\"resources\":{\"pids\":{\"limit\":5},\"cpu\":{\"shares\":7,\"cpus\":\"0-1\"},"
	"\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/run/netns/"
	"x\"},{\"type\":\"ipc\",\"path\":"
	"\"/proc/1/ns/ipc\"},{\"type\":\"cgroup\"},{\"type\":\"mount\"}],"
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"}}}";

static const struct guestspec_options options = { .id = "web", .bundle = "/b", .role = POD_SINGLE_CONTAINER };

static struct oci_spec *parse(struct arena *arena, const char *text)
{
	struct oci_spec *spec;
	struct err err = ERR_INIT;

	if (oci_spec_parse(arena, text, strlen(text), &spec, &err) < 0)
		fail_msg("%s", err_text(&err));
	return spec;
}

static void paths_become_the_shares(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	struct oci_spec *spec = parse(&arena, config);
	struct guestspec g;

	(void)state;
	assert_int_equal(guestspec_constrain(&arena, spec, &options, &g, NULL), 0);
	assert_string_equal(spec->root_path, GUEST_SHARE "/web/rootfs");
	assert_int_equal(g.n_binds, 3);
	assert_string_equal(g.binds[0].source, "/b/rootfs");
	assert_string_equal(g.binds[0].name, "web/rootfs");
	assert_string_equal(g.binds[1].source, "/var/lib/hosts");
	assert_string_equal(g.binds[1].name, "web/1-hosts");
	assert_string_equal(g.binds[2].source, "/b/volume");
	assert_string_equal(spec->mounts[0].source, "proc");
	assert_string_equal(spec->mounts[1].source, GUEST_SHARE "/web/1-hosts");
	assert_string_equal(spec->mounts[2].source, GUEST_SHARE "/web/2-data");
	assert_string_equal(spec->mounts[3].source, GUEST_SHM);
}

static void a_root_on_a_disk_is_elsewhere(void **state)
{
	struct guestspec_options o = options;
	_autoarena_ struct arena arena = { .max = 0 };
	struct oci_spec *spec = parse(&arena, config);
	struct guestspec g;

	(void)state;
	o.is_root_disk = true;
	assert_int_equal(guestspec_constrain(&arena, spec, &o, &g, NULL), 0);
	assert_string_equal(spec->root_path, "/run/kata-containers/web/rootfs");
	assert_string_equal(g.binds[0].source, "/b/rootfs");
	assert_string_equal(spec->mounts[1].source, GUEST_SHARE "/web/1-hosts");
}

static void what_is_the_hosts_goes(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	struct oci_spec *spec = parse(&arena, config);
	struct guestspec g;

	(void)state;
	assert_int_equal(guestspec_constrain(&arena, spec, &options, &g, NULL), 0);
	assert_null(spec->linux->seccomp);
	assert_null(spec->process->apparmor_profile);
	assert_int_equal(spec->linux->resources->n_devices, 0);
	assert_true(spec->linux->resources->has_pids);
	assert_null(spec->linux->resources->cpu->cpus);
	assert_int_equal(spec->linux->resources->cpu->shares, 7);
	assert_int_equal(spec->linux->n_namespaces, 3);
	assert_null(oci_find_namespace(spec->linux, CLONE_NEWNET));
	assert_null(oci_find_namespace(spec->linux, CLONE_NEWCGROUP));
	assert_null(oci_find_namespace(spec->linux, CLONE_NEWIPC)->path);
	assert_false(g.sandbox_pidns);
	assert_string_equal(oci_annotation(spec, "a"), "b");
	assert_string_equal(oci_annotation(spec, "io.katacontainers.pkg.oci.container_type"), "single_container");
	assert_string_equal(oci_annotation(spec, "io.katacontainers.pkg.oci.bundle_path"), "/b");
}

static void a_pods_pid_namespace(void **state)
{
	static const char text[] = "{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"/r\"},"
				   "\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],\"cwd\":\"/\"},"
				   "\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"/proc/9/ns/pid\"}],"
				   "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"}}}";
	struct guestspec_options o = options;
	_autoarena_ struct arena arena = { .max = 0 };
	struct oci_spec *spec = parse(&arena, text);
	struct guestspec g;

	(void)state;
	o.keep_seccomp = true;
	assert_int_equal(guestspec_constrain(&arena, spec, &o, &g, NULL), 0);
	assert_true(g.sandbox_pidns);
	assert_int_equal(spec->linux->n_namespaces, 0);
	assert_non_null(spec->linux->seccomp);
	assert_string_equal(g.binds[0].source, "/r");
}

static void the_containers_own_hooks_go_along(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	struct oci_spec *spec = parse(
		&arena,
		"{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"/r\"},\"process\":{\"user\":{\"uid\":0,\"gid\":0},"
		"\"args\":[\"sh\"],\"cwd\":\"/\"},\"hooks\":{\"poststop\":[{\"path\":\"/bin/x\"}],"
		"\"startContainer\":[{\"path\":\"/bin/y\"}]}}");
	struct guestspec g;

	(void)state;
	assert_int_equal(guestspec_constrain(&arena, spec, &options, &g, NULL), 0);
	assert_int_equal(spec->hooks->poststop.n, 0);
	assert_int_equal(spec->hooks->start_container.n, 1);
	assert_string_equal(spec->hooks->start_container.v[0].path, "/bin/y");
}

static void hooks_and_gaps_are_errors(void **state)
{
	static const struct {
		const char *text, *expected;
		int num;
	} table[] = {
		{ "{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"/r\"},\"process\":{\"user\":{\"uid\":0,\"gid\":0},"
		  "\"args\":[\"sh\"],\"cwd\":\"/\"},\"hooks\":{\"createContainer\":[{\"path\":\"/bin/x\"}]}}",
		  "run createContainer hook '/bin/x'", EOPNOTSUPP },
		{ "{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"/r\"}}", "specification of 'web'", EINVAL },
		{ "{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"/r\"},\"process\":{\"user\":{\"uid\":0,\"gid\":0},"
		  "\"args\":[\"sh\"],\"cwd\":\"/\"},\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\"}]}",
		  "mount '/x'", EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autoarena_ struct arena arena = { .max = 0 };
		struct oci_spec *spec = parse(&arena, table[i].text);
		struct err err = ERR_INIT;
		struct guestspec g;

		if (guestspec_constrain(&arena, spec, &options, &g, &err) != -table[i].num ||
		    !strstr(err_text(&err), table[i].expected))
			fail_msg("row %zu: %s", i, err_text(&err));
	}
}

int test_guestspec(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_become_the_shares),
		cmocka_unit_test(a_root_on_a_disk_is_elsewhere),
		cmocka_unit_test(what_is_the_hosts_goes),
		cmocka_unit_test(a_pods_pid_namespace),
		cmocka_unit_test(the_containers_own_hooks_go_along),
		cmocka_unit_test(hooks_and_gaps_are_errors),
	};

	return cmocka_run_group_tests_name("guestspec", tests, NULL, NULL);
}
