/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits on a real cgroup2 whose controllers are delegated: a guest, where the whole hierarchy is ours. Elsewhere there
 * is nothing to skip: it is no test of that place.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cgroups/stats.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/unit/agent/cgroups/world.h"

static const struct oci_linux no_limits;

static void expect_file(int dir, const char *file, const char *content)
{
	_autofree_ char *text = NULL;

	assert_int_equal(fd_read_file_at(dir, file, 4096, &text, NULL), 0);
	assert_string_equal(text, content);
}

static void limits_reach_the_kernel(void **state)
{
	struct world *w = *state;
	struct oci_memory memory = { .limit = 64 << 20, .reservation = 1 << 20, .swap = 64 << 20 };
	struct oci_memory more = { .limit = 128 << 20 };
	struct oci_cpu cpu = { .shares = 1024, .quota = 50000 }, period = { .period = 200000 };
	struct oci_resources res = { .memory = &memory, .cpu = &cpu, .has_pids = true, .pids_limit = 50 };
	struct oci_linux lin = { .resources = &res };
	struct oci_resources change = { .memory = &more, .cpu = &period };
	struct cgroup_stats stats;
	_autoclose_ int dir = -EBADF;

	world_create(w, "/x/c", &lin);
	OK((dir = cgroup_open(&w->host, "/x/c", why)));
	expect_file(dir, "memory.max", "67108864\n");
	expect_file(dir, "memory.low", "1048576\n");
	expect_file(dir, "cpu.weight", "39\n");
	expect_file(dir, "cpu.max", "50000 100000\n");
	expect_file(dir, "pids.max", "50\n");
	(void)world_add_sleeper(w, "/x/c");
	OK(cgroup_update(&w->host, "/x/c", &change, why));
	expect_file(dir, "memory.max", "134217728\n");
	expect_file(dir, "cpu.max", "50000 200000\n");
	expect_file(dir, "pids.max", "50\n");
	OK(cgroup_stats_read(&w->host, "/x/c", &w->arena, &stats, why));
	assert_int_equal(stats.memory.limit, 128 << 20);
	assert_int_equal(stats.pids_current, 1);
	assert_int_equal(stats.pids_limit, 50);
	assert_true(stats.n_memory_stat > 10);
	assert_int_equal(cgroup_oom_kills(&w->host, "/x/c"), 0);
}

/* Controllers that sub-cgroups have keep processes out of the cgroup itself: exec goes to the leaf. */
static void a_divided_cgroup_is_joined_at_its_leaf(void **state)
{
	struct world *w = *state;
	struct oci_linux lin = { 0 };
	pid_t pid;

	world_create(w, "/x/init", &lin);
	world_create(w, "/y", &lin);
	(void)world_add_sleeper(w, "/x");
	assert_int_equal(cgroup_count(&w->host, "/x/init"), 1);
	pid = world_add_sleeper(w, "/y");
	OK(cgroup_attach(&w->host, "/x", pid, why));
	assert_int_equal(cgroup_count(&w->host, "/x/init"), 2);
}

/* Allocates more than its cgroup may have: the kernel ends it and counts. */
static void a_kill_for_lack_of_memory_is_counted(void **state)
{
	struct world *w = *state;
	struct oci_memory memory = { .limit = 4 << 20, .swap = 4 << 20 };
	struct oci_resources res = { .memory = &memory };
	struct oci_linux lin = { .resources = &res };
	struct sys_clone_args args = { 0 };
	_autoclose_ int dir = -EBADF;
	int status = 0;
	pid_t pid;

	world_create(w, "/x", &lin);
	OK((dir = cgroup_open(&w->host, "/x", why)));
	args.cgroup_fd = dir;
	pid = sys_clone3(&args);
	assert_true(pid >= 0);
	if (pid == 0) {
		size_t size = 32 << 20;
		volatile char *p = malloc(size);

		for (size_t i = 0; p && i < size; i += 4096)
			p[i] = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(cgroup_oom_kills(&w->host, "/x"), 1);
}

/* A process in a cgroup keeps its controllers from its sub-cgroups, and the message says which cgroup it is. */
static void processes_in_the_way_are_named(void **state)
{
	struct world *w = *state;
	struct oci_memory memory = { .limit = 64 << 20 };
	struct oci_resources res = { .memory = &memory };
	struct oci_linux lin = { .resources = &res };
	struct cgroup_plan plan;
	struct err err = ERR_INIT;

	world_create(w, "/x", &no_limits);
	(void)world_add_sleeper(w, "/x");
	OK(cgroup_plan(&w->host, &w->arena, "/x/c", &lin, &plan, why));
	assert_int_equal(cgroup_create(&w->host, &plan, &err), -ENOENT);
	assert_string_equal(err.text, "set memory.max of cgroup '/x/c': the controller is not enabled, because "
	                              "processes sit in cgroup '/x'");
	assert_false(world_has(w, "/x/c"));
}

static bool is_the_place(void)
{
	void *state = NULL;
	bool is;

	if (world_setup(&state) < 0)
		return true;
	is = world_has_controllers(state);
	return world_teardown(&state) < 0 || is;
}

int test_v2_limits(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_WORLD(limits_reach_the_kernel),
		IN_A_WORLD(a_divided_cgroup_is_joined_at_its_leaf),
		IN_A_WORLD(a_kill_for_lack_of_memory_is_counted),
		IN_A_WORLD(processes_in_the_way_are_named),
	};

	if (!is_the_place()) {
		print_message("# v2_limits: no controllers are delegated here\n");
		return 0;
	}
	return cmocka_run_group_tests_name("v2_limits", tests, NULL, NULL);
}
