/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cgroups/ops.h"
#include "tests/lib/unit.h"

static void paths_become_clean(void **state)
{
	static const struct {
		const char *given, *expected;
	} rows[] = {
		{ NULL, "/cid" },
		{ "", "/cid" },
		{ "/a/b", "/a/b" },
		{ "a", "/a" },
		{ "//a/./b//", "/a/b" },
		{ "/..a/b..", "/..a/b.." },
		{ "system.slice:cri-containerd:cid", "/system.slice/cri-containerd/cid" },
		{ "/kata-agent2", "/kata-agent2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct err err = ERR_INIT;
		char *path;

		assert_int_equal(cgroup_path(&arena, rows[i].given, "cid", &path, &err), 0);
		assert_string_equal(path, rows[i].expected);
	}
}

static void paths_that_lead_elsewhere_are_refused(void **state)
{
	static const char *const bad[] = { "/a/../b", "..", "a:..:b", "/", ":::", "/.", "/kata-agent", "kata-agent:x" };
	_autoarena_ struct arena arena = { 0 };
	char *path = NULL, name[300];
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(cgroup_path(&arena, bad[i], "cid", &path, &err), -EINVAL);
		assert_non_null(strstr(err.text, bad[i]));
	}
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(cgroup_path(&arena, name, "cid", &path, &err), -ENAMETOOLONG);
	assert_null(path);
}

static void a_root_without_cgroups_is_named(void **state)
{
	struct cgroup_host host = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(cgroup_host_init(&host, (char *)"/proc", &err), -ENOENT);
	assert_string_equal(err.text, "no cgroup hierarchy on '/proc': mount cgroup2 there, or cgroup v1 below");
	assert_int_equal(cgroup_host_init(&host, (char *)"/nowhere", &err), -ENOENT);
	assert_non_null(strstr(err.text, "'/nowhere'"));
	assert_null(host.root);
}

static void a_plan_has_limits_and_rules(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_host host = {
		.root = (char *)"/nowhere", .unified = true, .can_filter_devices = true, .ops = &cgroup_v2_ops
	};
	struct oci_memory memory = { .limit = 4096 }, bad = { .limit = -9 };
	struct oci_resources res = { .memory = &memory };
	struct oci_linux lin = { .resources = &res };
	struct cgroup_plan plan;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(cgroup_plan(&host, &arena, "/x", &lin, &plan, &err), 0);
	assert_string_equal(plan.path, "/x");
	assert_int_equal(plan.steps.n, 1);
	assert_true(plan.n_rules > 0);
	assert_true(plan.filter_devices);
	host.can_filter_devices = false;
	assert_int_equal(cgroup_plan(&host, &arena, "/x", &lin, &plan, &err), 0);
	assert_false(plan.filter_devices);
	res.memory = &bad;
	assert_int_equal(cgroup_plan(&host, &arena, "/x", &lin, &plan, &err), -EINVAL);
	assert_string_equal(err.text, "plan cgroup '/x': memory limit '-9' is negative");
}

/* Would be the end of the agent: killing, freezing or removing what it sits in itself. */
static void root_and_own_cgroup_are_out_of_reach(void **state)
{
	static const char *const bad[] = { "/", "//", "", "x", "/x/../kata-agent", "/kata-agent", "/kata-agent/x" };
	struct cgroup_host host = { .root = (char *)"/tmp", .unified = true, .ops = &cgroup_v2_ops };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct cgroup_plan plan = { .path = bad[i] };
		struct oci_resources res = { 0 };
		struct err err = ERR_INIT;

		assert_int_equal(cgroup_create(&host, &plan, &err), -EINVAL);
		assert_int_equal(cgroup_open(&host, bad[i], &err), -EINVAL);
		assert_int_equal(cgroup_attach(&host, bad[i], getpid(), &err), -EINVAL);
		assert_int_equal(cgroup_update(&host, bad[i], &res, &err), -EINVAL);
		assert_int_equal(cgroup_freeze(&host, bad[i], true, &err), -EINVAL);
		assert_int_equal(cgroup_kill(&host, bad[i], &err), -EINVAL);
		assert_int_equal(cgroup_remove(&host, bad[i], &err), -EINVAL);
		assert_int_equal(cgroup_count(&host, bad[i]), -EINVAL);
		assert_int_equal(cgroup_oom_kills(&host, bad[i]), -EINVAL);
	}
}

int test_cgroup(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_become_clean),
		cmocka_unit_test(paths_that_lead_elsewhere_are_refused),
		cmocka_unit_test(a_root_without_cgroups_is_named),
		cmocka_unit_test(a_plan_has_limits_and_rules),
		cmocka_unit_test(root_and_own_cgroup_are_out_of_reach),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
