/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/exec_cgroup.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

#define BIT(controller) (UINT32_C(1) << (controller))

static const struct cgroup_host unified = { .unified = true };
static const struct cgroup_host v1 = {
	.v1 = { .v = { { "memory", BIT(CGROUP_MEMORY) },
	               { "cpu,cpuacct", BIT(CGROUP_CPU) | BIT(CGROUP_CPUACCT) },
	               { "systemd", BIT(CGROUP_NAMED) } },
	        .n = 3 },
};

static int parse(struct arena *arena, const struct cgroup_host *host, const char *one, const char *two,
                 struct exec_cgroup *ret, struct err *err)
{
	static const struct state s = { .id = "box", .cgroup = "/a/box" };
	const char *v[] = { one, two };
	const struct flag_list given = { v, one ? two ? 2 : 1 : 0 };

	return exec_cgroup_parse(arena, &s, host, &given, ret, err);
}

static void one_path_for_all(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct exec_cgroup to = { .n = 9 };

	(void)state;
	assert_int_equal(parse(&arena, &unified, NULL, NULL, &to, NULL), 0);
	assert_string_equal(to.path, "/a/box");
	assert_int_equal(to.n, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(parse(&arena, i ? &v1 : &unified, "b/c", NULL, &to, NULL), 0);
		assert_string_equal(to.path, "/a/box/b/c");
		assert_int_equal(to.n, 0);
	}
}

static void hierarchies_of_their_own(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct exec_cgroup to = { 0 };

	(void)state;
	assert_int_equal(parse(&arena, &v1, "memory,cpu:b", "name=systemd:c", &to, NULL), 0);
	assert_string_equal(to.path, "/a/box");
	assert_int_equal(to.n, 2);
	assert_int_equal(to.places[0].controllers, BIT(CGROUP_MEMORY) | BIT(CGROUP_CPU));
	assert_string_equal(to.places[0].path, "/a/box/b");
	assert_int_equal(to.places[1].controllers, BIT(CGROUP_NAMED));
	assert_string_equal(to.places[1].path, "/a/box/c");
}

static void what_makes_no_sense(void **state)
{
	static const struct {
		const struct cgroup_host *host;
		const char *one, *two, *why;
	} rows[] = {
		{ &v1, "../x", NULL, "--cgroup '../x' is no cgroup below that of container 'box'" },
		{ &v1, "memory:../x", NULL, "--cgroup 'memory:../x' is no cgroup below that of container 'box'" },
		{ &v1, "b", "c", "invalid --cgroup argument: b (missing <controller>: prefix)" },
		{ &v1, "memory:b", "c", "invalid --cgroup argument: c (missing <controller>: prefix)" },
		{ &v1, "memory:b:c", NULL, "invalid --cgroup argument: memory:b:c" },
		{ &v1, ":b", NULL, "invalid --cgroup argument: :b (empty <controller> prefix)" },
		{ &v1, "memory,:b", NULL, "invalid --cgroup argument: memory,:b (empty <controller> prefix)" },
		{ &v1, "frob:b", NULL, "--cgroup 'frob:b': unknown controller 'frob'" },
		{ &v1, "pids:b", NULL, "--cgroup 'pids:b': unknown controller 'pids'" },
		{ &v1, "cpu,cpu:b", NULL, "invalid --cgroup argument(s): controller cpu specified multiple times" },
		{ &v1, "cpu:b", "memory,cpu:c",
		  "invalid --cgroup argument(s): controller cpu specified multiple times" },
		{ &unified, "memory:b", NULL,
		  "--cgroup 'memory:b': cgroup v2 has one hierarchy, without controllers to name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct exec_cgroup to = { .n = 9 };
		struct err err = ERR_INIT;

		assert_int_equal(parse(&arena, rows[i].host, rows[i].one, rows[i].two, &to, &err), -EINVAL);
		assert_string_equal(err.text, rows[i].why);
		assert_int_equal(to.n, 9); /* untouched */
	}
}

int test_exec_cgroup(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_path_for_all),
		cmocka_unit_test(hierarchies_of_their_own),
		cmocka_unit_test(what_makes_no_sense),
	};

	return cmocka_run_group_tests_name("exec_cgroup", tests, NULL, NULL);
}
