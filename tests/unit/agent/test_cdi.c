/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cdi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "tests/lib/unit.h"

static const char base[] =
	"{\"ociVersion\":\"1.1.0\",\"process\":{\"user\":{\"uid\":7,\"gid\":8},\"args\":[\"sh\"],\"env\":[\"A=1\",\"B="
	"2\"],\"cwd\":\"/\"},"
	"\"root\":{\"path\":\"/r\"},\"mounts\":[{\"destination\":\"/a\",\"source\":\"x\",\"type\":\"bind\"},"
	"{\"destination\":\"/"
	"b\",\"source\":\"y\",\"type\":\"bind\"}],\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}}";

static struct oci_spec *parse(struct arena *arena)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	if (oci_spec_parse(arena, base, strlen(base), &spec, &err) < 0)
		fail_msg("%s", err.text);
	return spec;
}

/* What the annotation asks for, as one text. */
static void expect_wanted(const char *key, const char *value, const char *want)
{
	struct oci_pair pairs[] = { { (char *)(uintptr_t)key, (char *)(uintptr_t)value } };
	struct oci_spec spec = { .annotations = { pairs, 1 } };
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf text = BUF_INIT;
	struct oci_strings list;
	struct err err = ERR_INIT;

	if (cdi_find_wanted(&arena, &spec, &list, &err) < 0) {
		assert_string_equal(err.text, want);
		return;
	}
	for (size_t i = 0; i < list.n; i++)
		assert_int_equal(buf_printf(&text, "%s ", list.v[i]), 0);
	assert_string_equal(buf_str(&text), want);
}

static void annotations_name_devices(void **state)
{
	(void)state;
	expect_wanted("cdi.k8s.io/gpu", "nvidia.com/gpu=0,nvidia.com/gpu=1,nvidia.com/gpu=0",
	              "nvidia.com/gpu=0 nvidia.com/gpu=1 ");
	expect_wanted("other/gpu", "nvidia.com/gpu=0", "");
	expect_wanted("cdi.k8s.io/x", "gpu0", "annotation 'cdi.k8s.io/x': 'gpu0' is no CDI device (VENDOR/CLASS=NAME)");
	expect_wanted("cdi.k8s.io/x", "a/b=", "annotation 'cdi.k8s.io/x': 'a/b=' is no CDI device (VENDOR/CLASS=NAME)");
	expect_wanted("cdi.k8s.io/x", "a/b/c=d",
	              "annotation 'cdi.k8s.io/x': 'a/b/c=d' is no CDI device (VENDOR/CLASS=NAME)");
	expect_wanted("cdi.k8s.io/x", "", "annotation 'cdi.k8s.io/x': '' is no CDI device (VENDOR/CLASS=NAME)");
	assert_true(cdi_is_device("a/b=c", "a/b", "c"));
	assert_false(cdi_is_device("a/b=c", "a/b", "d"));
	assert_false(cdi_is_device("a/bb=c", "a/b", "c"));
}

static void a_sandbox_gets_none(void **state)
{
	static struct oci_pair pairs[] = { { (char *)"cdi.k8s.io/gpu", (char *)"a/b=c" },
		                           { (char *)"io.kubernetes.cri.container-type", (char *)"sandbox" } };
	const struct oci_spec spec = { .annotations = { pairs, 2 } };
	_autoarena_ struct arena arena = { 0 };
	struct oci_strings list;

	(void)state;
	assert_int_equal(cdi_find_wanted(&arena, &spec, &list, NULL), 0);
	assert_int_equal(list.n, 0);
}

static void edits_change_the_specification(void **state)
{
	static const char edits[] =
		"[{\"env\":[\"B=3\",\"C=4\"],\"deviceNodes\":[{\"path\":\"/dev/"
		"gpu\",\"type\":\"c\",\"major\":195,\"minor\":2,\"fileMode\":432,"
		"\"permissions\":\"rw\"},{\"path\":\"/dev/fifo\",\"type\":\"p\"}],\"mounts\":[{\"hostPath\":\"/lib/"
		"gpu\",\"containerPath\":\"/a\","
		"\"options\":[\"ro\"]}],\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/bin/"
		"hook\",\"args\":[\"hook\",\"x\"],"
		"\"timeout\":3}],\"additionalGids\":[44,0]},{\"env\":[\"D=5\"],\"deviceNodes\":[{\"path\":\"/dev/"
		"gpu\",\"type\":\"b\","
		"\"major\":1,\"minor\":0,\"uid\":0}]}]";
	_autoarena_ struct arena arena = { 0 };
	struct oci_spec *spec = parse(&arena);
	const struct oci_device *gpu = NULL;
	struct err err = ERR_INIT;

	(void)state;
	if (cdi_apply(&arena, spec, edits, strlen(edits), &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(spec->process->env.n, 4);
	assert_string_equal(spec->process->env.v[1], "B=3");
	assert_string_equal(spec->process->env.v[3], "D=5");
	assert_int_equal(spec->linux->n_devices, 2);
	gpu = &spec->linux->devices[0];
	assert_true(gpu->type == 'b' && gpu->major == 1 && gpu->uid == 0 && gpu->gid == 8 && !gpu->has_mode);
	assert_int_equal(spec->linux->resources->n_devices, 2);
	assert_string_equal(spec->linux->resources->devices[0].access, "rw");
	assert_string_equal(spec->linux->resources->devices[1].access, "rwm");
	assert_int_equal(spec->n_mounts, 2);
	assert_string_equal(spec->mounts[1].destination, "/a");
	assert_string_equal(spec->mounts[1].options.v[1], "rbind");
	assert_int_equal(spec->hooks->create_container.n, 1);
	assert_string_equal(spec->hooks->create_container.v[0].args.v[1], "x");
	assert_int_equal(spec->process->user.n_groups, 1);
	assert_int_equal(spec->process->user.groups[0], 44);
}

static void bad_edits_are_named(void **state)
{
	static const char *const cases[][2] = {
		{ "{}", "CDI edits: expected a list" },
		{ "[{\"netDevices\":[]}]", "CDI: containerEdits.netDevices: this edit is not supported" },
		{ "[{\"env\":[\"x\"]}]", "CDI: containerEdits.env[0]: 'x' is no NAME=VALUE" },
		{ "[{\"deviceNodes\":[{\"path\":\"x\"}]}]",
		  "CDI: containerEdits.deviceNodes[0]: a device node needs an absolute path" },
		{ "[{\"deviceNodes\":[{\"path\":\"/x\",\"type\":\"z\"}]}]",
		  "CDI: containerEdits.deviceNodes[0]: 'z' is no type of a device node" },
		{ "[{\"deviceNodes\":[{\"path\":\"/x\",\"type\":\"c\",\"permissions\":\"rwx\"}]}]",
		  "CDI: containerEdits.deviceNodes[0]: 'rwx' are no permissions (rwm)" },
		{ "[{\"mounts\":[{\"hostPath\":\"/x\"}]}]",
		  "CDI: containerEdits.mounts[0]: a mount needs hostPath and an absolute containerPath" },
		{ "[{\"hooks\":[{\"hookName\":\"never\",\"path\":\"/x\"}]}]",
		  "CDI: containerEdits.hooks[0]: 'never' is no name of a hook" },
		{ "[{\"hooks\":[{\"size\":1}]}]", "CDI: containerEdits.hooks[0].size: this edit is not supported" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct oci_spec *spec = parse(&arena);
		struct err err = ERR_INIT;

		assert_true(cdi_apply(&arena, spec, cases[i][0], strlen(cases[i][0]), &err) < 0);
		assert_string_equal(err.text, cases[i][1]);
	}
}

int test_cdi(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(annotations_name_devices),
		cmocka_unit_test(a_sandbox_gets_none),
		cmocka_unit_test(edits_change_the_specification),
		cmocka_unit_test(bad_edits_are_named),
	};

	return cmocka_run_group_tests_name("cdi", tests, NULL, NULL);
}
