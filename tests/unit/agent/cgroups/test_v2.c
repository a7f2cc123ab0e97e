/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On a real cgroup2, below a cgroup of our own: the hierarchy needs no controllers for what is tried here. Limits are
 * tried where there are some, in test_v2_limits.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cgroups/devices.h"
#include "agent/cgroups/stats.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/unit/agent/cgroups/world.h"

static const struct oci_linux no_limits;

static void create_makes_parents_and_refuses_one_in_use(void **state)
{
	struct world *w = *state;
	struct cgroup_plan plan;
	struct err err = ERR_INIT;

	NEEDS_CGROUP2(w);
	world_create(w, "/x/pod/c", &no_limits);
	assert_true(world_has(w, "/x/pod/c"));
	world_create(w, "/x/pod/c", &no_limits); /* empty: made anew */
	(void)world_add_sleeper(w, "/x/pod/c");
	assert_int_equal(cgroup_count(&w->host, "/x/pod/c"), 1);
	OK(cgroup_plan(&w->host, &w->arena, "/x/pod/c", &no_limits, &plan, why));
	assert_int_equal(cgroup_create(&w->host, &plan, &err), -EEXIST);
	assert_string_equal(err.text, "create cgroup '/x/pod/c': it exists and is in use");
	assert_int_equal(cgroup_count(&w->host, "/x/pod/c"), 1);
}

static void a_failed_create_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct oci_pair pair = { (char *)"no.such.file", (char *)"1" };
	struct oci_resources res = { .unified = { &pair, 1 } };
	struct oci_linux lin = { .resources = &res };
	struct cgroup_plan plan;
	struct err err = ERR_INIT;

	NEEDS_CGROUP2(w);
	world_create(w, "/x", &no_limits);
	OK(cgroup_plan(&w->host, &w->arena, "/x/a/b", &lin, &plan, why));
	assert_int_equal(cgroup_create(&w->host, &plan, &err), -ENOENT);
	assert_string_equal(err.text, "set no.such.file of cgroup '/x/a/b': the controller is not enabled");
	assert_false(world_has(w, "/x/a"));
	assert_true(world_has(w, "/x"));
}

static void update_writes_what_is_given(void **state)
{
	struct world *w = *state;
	struct oci_pair pair = { (char *)"cgroup.max.depth", (char *)"7" };
	struct oci_resources res = { .unified = { &pair, 1 } };
	_autoclose_ int dir = -EBADF;
	uint64_t depth = 0;

	NEEDS_CGROUP2(w);
	world_create(w, "/x", &no_limits);
	OK(cgroup_update(&w->host, "/x", &res, why));
	OK((dir = cgroup_open(&w->host, "/x", why)));
	assert_int_equal(cgroupfs_read_value(dir, "cgroup.max.depth", &depth), 0);
	assert_int_equal(depth, 7);
}

static void attach_moves_a_process(void **state)
{
	struct world *w = *state;
	pid_t pid;

	NEEDS_CGROUP2(w);
	world_create(w, "/x/a", &no_limits);
	world_create(w, "/x/b", &no_limits);
	pid = world_add_sleeper(w, "/x/a");
	OK(cgroup_attach(&w->host, "/x/b", pid, why));
	assert_int_equal(cgroup_count(&w->host, "/x/a"), 0);
	assert_int_equal(cgroup_count(&w->host, "/x/b"), 1);
	assert_int_equal(cgroup_count(&w->host, "/x"), 1);
}

static void freeze_waits_for_the_kernel(void **state)
{
	struct world *w = *state;
	_autoclose_ int dir = -EBADF;

	NEEDS_CGROUP2(w);
	world_create(w, "/x", &no_limits);
	(void)world_add_sleeper(w, "/x");
	OK((dir = cgroup_open(&w->host, "/x", why)));
	OK(cgroup_freeze(&w->host, "/x", true, why));
	assert_int_equal(cgroupfs_wait_event(dir, "frozen", 1, 0), 0);
	OK(cgroup_freeze(&w->host, "/x", false, why));
	assert_int_equal(cgroupfs_wait_event(dir, "frozen", 0, 0), 0);
}

static void expect_killed(struct world *w, size_t i)
{
	int status = 0;

	assert_int_equal(waitpid(w->children[i], &status, 0), w->children[i]);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void make_dir(const struct world *w, const char *path)
{
	char full[256];

	(void)snprintf(full, sizeof(full), "%s%s", w->root, path);
	assert_int_equal(mkdir(full, 0755), 0);
}

static void kill_and_remove(struct world *w)
{
	world_create(w, "/x/c", &no_limits);
	make_dir(w, "/x/c/sub"); /* as a container would */
	make_dir(w, "/x/c/sub/deep");
	(void)world_add_sleeper(w, "/x/c");
	(void)world_add_sleeper(w, "/x/c/sub/deep");
	assert_int_equal(cgroup_count(&w->host, "/x/c"), 2);
	OK(cgroup_kill(&w->host, "/x/c", why));
	/* Nobody has reaped them: removing waits for their end, not for us. */
	OK(cgroup_remove(&w->host, "/x/c", why));
	assert_false(world_has(w, "/x/c"));
	expect_killed(w, 0);
	expect_killed(w, 1);
	w->n_children = 0;
	OK(cgroup_kill(&w->host, "/x/c", why));
	OK(cgroup_remove(&w->host, "/x/c", why));
	assert_int_equal(cgroup_count(&w->host, "/x/c"), -ENOENT);
}

static void kill_ends_all_and_remove_takes_sub_cgroups(void **state)
{
	NEEDS_CGROUP2((struct world *)*state);
	kill_and_remove(*state);
}

static void remove_takes_empty_parents(void **state)
{
	struct world *w = *state;

	NEEDS_CGROUP2(w);
	world_create(w, "/x/pod/a", &no_limits);
	world_create(w, "/x/pod/b/c", &no_limits);
	OK(cgroup_remove(&w->host, "/x/pod/a", why));
	assert_true(world_has(w, "/x/pod/b/c"));
	OK(cgroup_remove(&w->host, "/x/pod/b/c", why));
	assert_false(world_has(w, "/x"));
	world_create(w, "/x", &no_limits);
	(void)world_add_sleeper(w, "/x"); /* first: controllers for sub-cgroups would keep it out */
	world_create(w, "/x/pod/a", &no_limits);
	OK(cgroup_remove(&w->host, "/x/pod/a", why));
	assert_false(world_has(w, "/x/pod"));
	assert_true(world_has(w, "/x")); /* a process sits in it */
}

/* Two agents' jobs take turns below parents that each finds empty now and then. */
static int come_and_go(struct world *w, const char *path)
{
	struct cgroup_plan plan;
	struct err err = ERR_INIT;
	int r = cgroup_plan(&w->host, &w->arena, path, &no_limits, &plan, &err);

	for (int i = 0; i < 200 && r >= 0; i++) {
		r = cgroup_create(&w->host, &plan, &err);
		r = r < 0 ? r : cgroup_remove(&w->host, path, &err);
	}
	if (r < 0)
		print_error("%s\n", err.text);
	return r;
}

static void create_survives_a_vanishing_parent(void **state)
{
	struct world *w = *state;
	int status = 0, r;
	pid_t pid;

	NEEDS_CGROUP2(w);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60);
		_exit(come_and_go(w, "/x/pod/b/d") < 0);
	}
	r = come_and_go(w, "/x/pod/a");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(r, 0);
	assert_false(world_has(w, "/x"));
}

static void kill_works_without_its_file(void **state)
{
	struct world *w = *state;

	NEEDS_CGROUP2(w);
	w->host.no_kill_file = true;
	kill_and_remove(w);
}

static void a_frozen_cgroup_can_be_killed(void **state)
{
	struct world *w = *state;

	NEEDS_CGROUP2(w);
	world_create(w, "/x", &no_limits);
	(void)world_add_sleeper(w, "/x");
	OK(cgroup_freeze(&w->host, "/x", true, why));
	OK(cgroup_kill(&w->host, "/x", why));
	expect_killed(w, 0);
	w->n_children = 0;
}

static void stats_come_without_controllers_too(void **state)
{
	struct world *w = *state;
	struct cgroup_stats stats;
	struct err err = ERR_INIT;

	NEEDS_CGROUP2(w);
	world_create(w, "/x", &no_limits);
	OK(cgroup_stats_read(&w->host, "/x", &w->arena, &stats, why));
	assert_int_equal(stats.pids_current, 0);
	assert_int_equal(stats.n_io_bytes, 0);
	assert_int_equal(cgroup_stats_read(&w->host, "/none", &w->arena, &stats, &err), -ENOENT);
	assert_int_equal(cgroup_oom_kills(&w->host, "/x"), world_has_controllers(w) ? 0 : -ENOENT);
}

/* In the cgroup: a child tries to open these and tells by its exit status which ones worked. */
struct open_try {
	const char *node;
	int flags;
};

static int opened_in(struct world *w, const char *path, const struct open_try *tries, size_t n)
{
	struct err err = ERR_INIT;
	_autoclose_ int dir = cgroup_open(&w->host, path, &err);
	struct sys_clone_args args = { .cgroup_fd = dir };
	int status = 0, bits = 0;
	pid_t pid;

	assert_true(dir >= 0);
	pid = sys_clone3(&args);
	assert_true(pid >= 0);
	if (pid == 0) {
		for (size_t i = 0; i < n; i++)
			if (open(tries[i].node, tries[i].flags | O_CLOEXEC) >= 0)
				bits |= 1 << i;
		_exit(bits);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void device_filter_holds(void **state)
{
	static const struct open_try tries[] = {
		{ "/dev/null", O_RDWR },
		{ "/dev/full", O_RDONLY },
		{ "/dev/full", O_WRONLY },
		{ "/dev/zero", O_RDONLY },
	};
	struct world *w = *state;
	struct oci_device_rule rules[] = {
		{ .type = 'a', .major = -1, .minor = -1, .access = "rwm" },
		{ .type = 'c', .major = 1, .minor = 7, .access = "w" },
		{ .type = 'c', .major = 1, .minor = 5, .access = "r" },
		{ .allow = true, .type = 'c', .major = 1, .minor = 5, .access = "r" },
	};
	struct oci_resources res = { .devices = rules, .n_devices = 2 };
	struct oci_linux lin = { .resources = &res };

	NEEDS_CGROUP2(w);
	if (!w->host.can_filter_devices) {
		print_message("skipped: this kernel loads no device programs\n");
		skip();
	}
	world_create(w, "/x/open", &no_limits);
	assert_int_equal(opened_in(w, "/x/open", tries, 4), 0xf);
	world_create(w, "/x/c", &lin);
	assert_int_equal(opened_in(w, "/x/c", tries, 4), 0xb);
	res.n_devices = 3;
	world_create(w, "/x/c", &lin); /* made anew: the first program is gone with the first cgroup */
	assert_int_equal(opened_in(w, "/x/c", tries, 4), 0x3);
	res.n_devices = 4;
	world_create(w, "/x/c", &lin);
	assert_int_equal(opened_in(w, "/x/c", tries, 4), 0xb);
	rules[1] = (struct oci_device_rule){ .type = 'a', .major = -1, .minor = -1, .access = "rwm" };
	rules[2] = (struct oci_device_rule){ .allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rw" };
	rules[3] = (struct oci_device_rule){ .type = 'a', .major = -1, .minor = -1, .access = "w" };
	world_create(w, "/x/d", &lin);
	assert_int_equal(opened_in(w, "/x/d", tries, 4), 0xa);
}

/* The verifier walks every path: as many rules as we let through must be within its patience. */
static void the_longest_filter_loads(void **state)
{
	struct world *w = *state;
	_autofree_ struct oci_device_rule *rules = calloc(CGROUP_RULES_MAX, sizeof(*rules));
	struct oci_resources res = { .devices = rules, .n_devices = CGROUP_RULES_MAX };
	struct oci_linux lin = { .resources = &res };

	NEEDS_CGROUP2(w);
	if (!w->host.can_filter_devices)
		skip();
	for (int i = 0; i < CGROUP_RULES_MAX; i++)
		rules[i] = (struct oci_device_rule){ .allow = i % 3 > 0,
			                             .type = i % 2 ? 'b' : 'c',
			                             .major = 10 + i % 50,
			                             .minor = i % 7 ? i : -1,
			                             .access = "r" };
	world_create(w, "/x", &lin);
}

/* In a child, so that the test itself stays where it is. */
static void the_agent_moves_out_of_the_root(void **state)
{
	struct world *w = *state;
	int status = 0;
	pid_t pid;

	NEEDS_CGROUP2(w);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		_autoclose_ int root = cgroupfs_open_root(w->root);
		_autoclose_ int dir = -EBADF;

		alarm(30);
		if (cgroup_protect_self(&w->host, NULL) < 0)
			_exit(1);
		dir = cgroupfs_open(root, CGROUP_SELF);
		_exit(cgroupfs_count(dir) == 1 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int test_v2(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_WORLD(create_makes_parents_and_refuses_one_in_use),
		IN_A_WORLD(a_failed_create_leaves_nothing),
		IN_A_WORLD(update_writes_what_is_given),
		IN_A_WORLD(attach_moves_a_process),
		IN_A_WORLD(freeze_waits_for_the_kernel),
		IN_A_WORLD(kill_ends_all_and_remove_takes_sub_cgroups),
		IN_A_WORLD(remove_takes_empty_parents),
		IN_A_WORLD(create_survives_a_vanishing_parent),
		IN_A_WORLD(kill_works_without_its_file),
		IN_A_WORLD(a_frozen_cgroup_can_be_killed),
		IN_A_WORLD(stats_come_without_controllers_too),
		IN_A_WORLD(device_filter_holds),
		IN_A_WORLD(the_longest_filter_loads),
		IN_A_WORLD(the_agent_moves_out_of_the_root),
	};

	return cmocka_run_group_tests_name("v2", tests, NULL, NULL);
}
