/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/groups.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

/* What the host is like. */
static int host_answer, pids_answer;
static bool was_rootless;
static const pid_t processes[] = { 10, 0, 11, 12 };

int __wrap_cgroup_host_find(struct cgroup_host *host, char *root, struct err *err);
int __wrap_cgroup_host_find(struct cgroup_host *host, char *root, struct err *err)
{
	assert_string_equal(root, CGROUP_ROOT);
	if (host_answer < 0)
		return err_set(err, host_answer, "find a hierarchy");
	*host = (struct cgroup_host){ .root = root, .unified = true };
	return 0;
}

int __wrap_cgroup_pids(const struct cgroup_host *host, const char *path, pid_t **ret, size_t *ret_n);
int __wrap_cgroup_pids(const struct cgroup_host *host, const char *path, pid_t **ret, size_t *ret_n)
{
	was_rootless = host->rootless;
	assert_string_equal(path, "/box");
	if (pids_answer < 0)
		return pids_answer;
	*ret = malloc(sizeof(processes));
	assert_non_null(*ret);
	memcpy(*ret, processes, sizeof(processes));
	*ret_n = ARRAY_SIZE(processes);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	host_answer = pids_answer = 0;
	return 0;
}

static void a_host(void **state)
{
	const struct runk root = { 0 }, user = { .is_rootless = true }, without = { .no_cgroups = true };
	struct err err = ERR_INIT;
	struct groups g;

	(void)state;
	assert_int_equal(groups_init(&root, &g, &err), 0);
	assert_true(g.usable);
	assert_true(g.host.unified);
	assert_false(g.host.rootless);
	assert_int_equal(groups_init(&user, &g, &err), 0);
	assert_true(g.usable);
	assert_true(g.host.rootless);
	assert_int_equal(groups_init(&without, &g, &err), 0);
	assert_false(g.usable);
}

/* Only who needs no cgroup can do without a hierarchy. */
static void no_hierarchy(void **state)
{
	const struct runk root = { 0 }, user = { .is_rootless = true };
	struct err err = ERR_INIT;
	struct groups g = { .usable = true };

	(void)state;
	host_answer = -ENODEV;
	assert_int_equal(groups_init(&root, &g, &err), -ENODEV);
	assert_non_null(strstr(err.text, "find a hierarchy"));
	assert_true(g.usable); /* untouched */
	assert_int_equal(groups_init(&user, &g, NULL), 0);
	assert_false(g.usable);
}

static void a_container_without_cgroup(void **state)
{
	const struct runk root = { 0 }, without = { .no_cgroups = true };
	struct state s = { .id = "box", .cgroup = "/box" };
	struct err err = ERR_INIT;
	struct groups g;

	(void)state;
	assert_int_equal(groups_open(&root, &s, "pause", &g, &err), 0);
	assert_int_equal(groups_open(&without, &s, "pause", &g, &err), -ENOTSUP);
	s.cgroup = NULL;
	assert_int_equal(groups_open(&root, &s, "pause", &g, &err), -ENOTSUP);
	assert_string_equal(err.text, "cannot pause container 'box': it has no cgroup");
	host_answer = -ENODEV;
	assert_int_equal(groups_open(&root, &s, "pause", &g, &err), -ENODEV);
}

/* Adds them up; 11 can be told to end it. */
struct sum {
	int total, visits, at_eleven;
};

static int add(pid_t pid, void *arg)
{
	struct sum *sum = arg;

	sum->total += pid;
	sum->visits++;
	return pid == 11 ? sum->at_eleven : 0;
}

static void processes_are_visited(void **state)
{
	const struct groups g = { .host = { .rootless = true }, .usable = true };
	const struct state s = { .id = "box", .cgroup = "/box" };
	struct sum sum = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(groups_each(&g, &s, add, &sum, &err), 0);
	assert_int_equal(sum.total, 33);
	assert_int_equal(sum.visits, 3); /* one that cannot be seen from here has no number */
	assert_true(was_rootless);
	sum = (struct sum){ .at_eleven = 7 };
	assert_int_equal(groups_each(&g, &s, add, &sum, &err), 7);
	assert_int_equal(sum.total, 21);
	sum = (struct sum){ .at_eleven = -EPERM };
	assert_int_equal(groups_each(&g, &s, add, &sum, &err), -EPERM);
	assert_non_null(strstr(err.text, "visit the processes of cgroup '/box'"));
}

static void a_cgroup_that_is_gone_has_none(void **state)
{
	static const struct {
		int answer, expected;
	} rows[] = { { -ENOENT, 0 }, { -ENODEV, 0 }, { -EACCES, -EACCES } };
	const struct groups g = { .usable = true };
	const struct state s = { .id = "box", .cgroup = "/box" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sum sum = { 0 };

		pids_answer = rows[i].answer;
		assert_int_equal(groups_each(&g, &s, add, &sum, &err), rows[i].expected);
		assert_int_equal(sum.total, 0);
	}
	assert_non_null(strstr(err.text, "list the processes of cgroup '/box'"));
}

/* The machine's systemd lets root in everywhere; one of a user has only scopes that it made. */
static void who_moves_processes(void **state)
{
	static const struct {
		bool rootless, systemd, moves;
	} rows[] = { { false, false, false }, { false, true, false }, { true, false, false }, { true, true, true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct runk runk = { .is_rootless = rows[i].rootless };
		const struct state s = { .systemd = rows[i].systemd };

		assert_int_equal(groups_mover(&runk, &s) != NULL, rows[i].moves);
	}
}

int test_groups(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_host, setup),
		cmocka_unit_test_setup(no_hierarchy, setup),
		cmocka_unit_test_setup(a_container_without_cgroup, setup),
		cmocka_unit_test_setup(processes_are_visited, setup),
		cmocka_unit_test_setup(a_cgroup_that_is_gone_has_none, setup),
		cmocka_unit_test(who_moves_processes),
	};

	return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
