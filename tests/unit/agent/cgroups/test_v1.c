/* SPDX-License-Identifier: Apache-2.0 */
/* On the machine's real v1 hierarchies, below a directory of our own in each. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cgroups/ops.h"
#include "agent/cgroups/stats.h"
#include "agent/cgroups/v1_files.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "tests/unit/agent/cgroups/world_v1.h"

#define MIB (INT64_C(1) << 20)
#define ALL_DEVICES                                                                                                    \
	{                                                                                                              \
		.allow = true, .type = 'a', .major = -1, .minor = -1, .access = "rwm"                                  \
	}
#define NEEDS(w, controller)                                                                                           \
	do {                                                                                                           \
		NEEDS_CGROUP1(w);                                                                                      \
		if (!cgroup_hierarchies_find(&(w)->host.v1, controller)) {                                             \
			print_message("skipped: no '%s' controller here\n", cgroup_controller_name(controller));       \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

static const struct oci_linux no_limits;

static void expect_file(const struct world *w, const char *path, enum cgroup_controller controller, const char *file,
                        const char *content)
{
	_autoclose_ int root = cgroupfs_open_root(w->root);
	const struct cgroup_at at = { .host = &w->host, .root = root, .path = path };
	_autofree_ char *text = NULL;

	if (!cgroup_v1_has(&at, controller))
		return;
	assert_int_equal(cgroup_v1_read(&at, controller, file, &text), 0);
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, content);
}

static void expect_killed(struct world *w)
{
	for (size_t i = 0; i < w->n_children; i++) {
		int status = 0;

		assert_int_equal(waitpid(w->children[i], &status, 0), w->children[i]);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	w->n_children = 0;
}

static void create_is_everywhere_and_refuses_one_in_use(void **state)
{
	struct world *w = *state;
	struct cgroup_plan plan;
	struct err err = ERR_INIT;
	_autofree_ pid_t *pids = NULL;
	size_t n = 0;
	pid_t pid;

	NEEDS_CGROUP1(w);
	world_create(w, "/x/pod/c", &no_limits);
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++)
		if (cgroup_hierarchies_find(&w->host.v1, (enum cgroup_controller)i))
			assert_true(world_v1_has(w, (enum cgroup_controller)i, "/x/pod/c"));
	world_create(w, "/x/pod/c", &no_limits); /* empty: made anew */
	pid = world_v1_add(w, "/x/pod/c", NULL, NULL);
	assert_int_equal(cgroup_count(&w->host, "/x/pod/c"), 1);
	assert_int_equal(cgroup_pids(&w->host, "/x", &pids, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(pids[0], pid);
	OK(cgroup_plan(&w->host, &w->arena, "/x/pod/c", &no_limits, &plan, why));
	assert_int_equal(cgroup_create(&w->host, &plan, &err), -EEXIST);
	assert_string_equal(err.text, "create cgroup '/x/pod/c': it exists and is in use");
	assert_int_equal(cgroup_open(&w->host, "/x/pod/c", &err), -EOPNOTSUPP);
}

static void limits_reach_the_kernel(void **state)
{
	struct world *w = *state;
	struct oci_memory memory = { .limit = 64 * MIB, .reservation = MIB, .swap = 96 * MIB, .has_swappiness = true };
	struct oci_memory more = { .limit = 128 * MIB, .swap = 192 * MIB },
			  less = { .limit = 32 * MIB, .swap = 48 * MIB };
	struct oci_memory none = { .limit = -1 };
	struct oci_cpu cpu = { .shares = 512, .quota = 50000, .period = 200000, .cpus = (char *)"0" };
	struct oci_resources res = { .memory = &memory, .cpu = &cpu, .has_pids = true, .pids_limit = 50 };
	struct oci_linux lin = { .resources = &res };
	struct oci_resources change = { .memory = &more };
	struct cgroup_stats stats;

	NEEDS(w, CGROUP_MEMORY);
	NEEDS(w, CGROUP_CPU);
	world_create(w, "/x/c", &lin);
	expect_file(w, "/x/c", CGROUP_MEMORY, "memory.limit_in_bytes", "67108864");
	expect_file(w, "/x/c", CGROUP_MEMORY, "memory.memsw.limit_in_bytes", "100663296");
	expect_file(w, "/x/c", CGROUP_MEMORY, "memory.soft_limit_in_bytes", "1048576");
	expect_file(w, "/x/c", CGROUP_MEMORY, "memory.swappiness", "0");
	expect_file(w, "/x/c", CGROUP_CPU, "cpu.shares", "512");
	expect_file(w, "/x/c", CGROUP_CPU, "cpu.cfs_quota_us", "50000");
	expect_file(w, "/x/c", CGROUP_CPU, "cpu.cfs_period_us", "200000");
	expect_file(w, "/x/c", CGROUP_CPUSET, "cpuset.cpus", "0");
	expect_file(w, "/x/c", CGROUP_CPUSET, "cpuset.mems", "0");
	expect_file(w, "/x/c", CGROUP_PIDS, "pids.max", "50");
	(void)world_v1_add(w, "/x/c", NULL, NULL);
	OK(cgroup_update(&w->host, "/x/c", &change, why));
	expect_file(w, "/x/c", CGROUP_MEMORY, "memory.limit_in_bytes", "134217728");
	expect_file(w, "/x/c", CGROUP_MEMORY, "memory.memsw.limit_in_bytes", "201326592");
	expect_file(w, "/x/c", CGROUP_PIDS, "pids.max", "50");
	OK(cgroup_stats_read(&w->host, "/x/c", &w->arena, &stats, why));
	assert_int_equal(stats.memory.limit, 128 * MIB);
	assert_int_equal(stats.swap.limit, 192 * MIB);
	assert_true(stats.n_memory_stat > 10);
	assert_true(stats.n_per_cpu > 0 || !cgroup_hierarchies_find(&w->host.v1, CGROUP_CPUACCT));
	if (cgroup_hierarchies_find(&w->host.v1, CGROUP_PIDS)) {
		assert_int_equal(stats.pids_current, 1);
		assert_int_equal(stats.pids_limit, 50);
	}
	change.memory = &less;
	OK(cgroup_update(&w->host, "/x/c", &change, why));
	expect_file(w, "/x/c", CGROUP_MEMORY, "memory.limit_in_bytes", "33554432");
	change.memory = &none;
	OK(cgroup_update(&w->host, "/x/c", &change, why));
	expect_file(w, "/x/c", CGROUP_MEMORY, "memory.limit_in_bytes", "9223372036854771712");
	assert_int_equal(cgroup_oom_kills(&w->host, "/x/c"), 0);
}

static void a_failed_create_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct oci_hugepage_limit pages = { (char *)"3MB", 3 };
	struct oci_resources res = { .hugepages = &pages, .n_hugepages = 1 };
	struct oci_linux lin = { .resources = &res };
	struct cgroup_plan plan;
	struct err err = ERR_INIT;

	NEEDS_CGROUP1(w);
	world_create(w, "/x", &no_limits);
	OK(cgroup_plan(&w->host, &w->arena, "/x/a/b", &lin, &plan, why));
	assert_int_equal(cgroup_create(&w->host, &plan, &err), -ENOENT);
	assert_non_null(strstr(err.text, "set hugetlb.3MB.limit_in_bytes of cgroup '/x/a/b': "));
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++)
		assert_false(world_v1_has(w, (enum cgroup_controller)i, "/x/a"));
}

static void freeze_waits_for_the_kernel(void **state)
{
	struct world *w = *state;

	NEEDS(w, CGROUP_FREEZER);
	world_create(w, "/x/c", &no_limits);
	(void)world_v1_add(w, "/x/c", NULL, NULL);
	assert_int_equal(cgroup_is_frozen(&w->host, "/x/c"), 0);
	OK(cgroup_freeze(&w->host, "/x/c", true, why));
	assert_int_equal(cgroup_is_frozen(&w->host, "/x/c"), 1);
	expect_file(w, "/x/c", CGROUP_FREEZER, "freezer.state", "FROZEN");
	OK(cgroup_freeze(&w->host, "/x/c", false, why));
	assert_int_equal(cgroup_is_frozen(&w->host, "/x/c"), 0);
	assert_int_equal(cgroup_freeze(&w->host, "/none", true, NULL), -ENOENT);
}

/* A parent in vfork cannot be frozen before its child is. */
static void fork_on(void *arg)
{
	(void)arg;
	for (;;) {
		pid_t pid = vfork();

		if (pid == 0)
			_exit(0);
		(void)waitpid(pid, NULL, 0);
	}
}

static void freeze_holds_those_who_fork(void **state)
{
	struct world *w = *state;

	NEEDS(w, CGROUP_FREEZER);
	world_create(w, "/x/c", &no_limits);
	(void)world_v1_add(w, "/x/c", fork_on, NULL);
	for (int i = 0; i < 5; i++) {
		OK(cgroup_freeze(&w->host, "/x/c", true, why));
		OK(cgroup_freeze(&w->host, "/x/c", false, why));
	}
}

static void a_subgroup(const struct world *w, const char *path)
{
	_autoclose_ int root = cgroupfs_open_root(w->root);

	for (size_t i = 0; i < w->host.v1.n; i++) {
		char name[PATH_MAX];

		assert_int_equal(cgroup_v1_name(&w->host.v1.v[i], path, NULL, name), 0);
		assert_int_equal(mkdirat(root, name, 0755), 0);
		if (w->host.v1.v[i].controllers & 1U << CGROUP_CPUSET) {
			assert_int_equal(cgroup_v1_name(&w->host.v1.v[i], path, "cpuset.cpus", name), 0);
			assert_int_equal(fd_write_file_at(root, name, "0"), 0);
			assert_int_equal(cgroup_v1_name(&w->host.v1.v[i], path, "cpuset.mems", name), 0);
			assert_int_equal(fd_write_file_at(root, name, "0"), 0);
		}
	}
}

static void kill_and_remove(struct world *w)
{
	world_create(w, "/x/pod/c", &no_limits);
	a_subgroup(w, "/x/pod/c/sub"); /* as a container would */
	(void)world_v1_add(w, "/x/pod/c", NULL, NULL);
	(void)world_v1_add(w, "/x/pod/c/sub", NULL, NULL);
	assert_int_equal(cgroup_count(&w->host, "/x/pod/c"), 2);
	if (cgroup_hierarchies_find(&w->host.v1, CGROUP_FREEZER)) {
		OK(cgroup_freeze(&w->host, "/x/pod/c/sub", true, why));
		OK(cgroup_freeze(&w->host, "/x/pod/c", true, why));
	}
	OK(cgroup_kill(&w->host, "/x/pod/c", why));
	/* Nobody has reaped them: removing waits for their end, not for us. */
	OK(cgroup_remove(&w->host, "/x/pod/c", why));
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++)
		assert_false(world_v1_has(w, (enum cgroup_controller)i, "/x"));
	expect_killed(w);
	OK(cgroup_kill(&w->host, "/x/pod/c", why));
	OK(cgroup_remove(&w->host, "/x/pod/c", why));
	assert_int_equal(cgroup_count(&w->host, "/x/pod/c"), -ENOENT);
}

static void kill_ends_all_also_what_is_frozen(void **state)
{
	NEEDS_CGROUP1((struct world *)*state);
	kill_and_remove(*state);
}

static void kill_works_without_its_file(void **state)
{
	struct world *w = *state;

	NEEDS_CGROUP1(w);
	w->host.no_kill_file = true;
	kill_and_remove(w);
}

/* The cgroup2 hierarchy beside the others is what a hybrid host has; a pure one has none. */
static void all_works_without_cgroup2(void **state)
{
	struct world *w = *state;
	size_t n = 0;

	NEEDS_CGROUP1(w);
	for (size_t i = 0; i < w->host.v1.n; i++)
		if (!(w->host.v1.v[i].controllers & 1U << CGROUP_UNIFIED))
			w->host.v1.v[n++] = w->host.v1.v[i];
	w->host.v1.n = n;
	kill_and_remove(w);
}

/* Tells by its exit status which ones opened. */
static void try_devices(void *arg)
{
	static const struct {
		const char *node;
		int flags;
	} tries[] = {
		{ "/dev/null", O_RDWR },
		{ "/dev/full", O_RDONLY },
		{ "/dev/full", O_WRONLY },
		{ "/dev/zero", O_RDONLY },
	};
	int bits = 0;

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		if (open(tries[i].node, tries[i].flags | O_CLOEXEC) >= 0)
			bits |= 1 << i;
	_exit(bits);
}

static int opened_in(struct world *w, const char *path)
{
	pid_t pid = world_v1_add(w, path, try_devices, NULL);
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	w->n_children--;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void device_filter_holds(void **state)
{
	struct world *w = *state;
	struct oci_device_rule rules[] = {
		{ .type = 'a', .major = -1, .minor = -1, .access = "rwm" },
		{ .type = 'c', .major = 1, .minor = 7, .access = "w" },
		{ .type = 'c', .major = 1, .minor = 5, .access = "r" },
	};
	struct oci_device_rule open_rules[] = { ALL_DEVICES, { .type = 'c', .major = 1, .minor = 7, .access = "rw" } };
	struct oci_resources res = { .devices = rules, .n_devices = 3 };
	struct oci_linux lin = { .resources = &res };

	NEEDS(w, CGROUP_DEVICES);
	world_create(w, "/x/open", &no_limits);
	assert_int_equal(opened_in(w, "/x/open"), 0xf);
	world_create(w, "/x/c", &lin);
	assert_int_equal(opened_in(w, "/x/c"), 0x3);
	res.devices = open_rules;
	res.n_devices = 2;
	world_create(w, "/x/d", &lin);
	assert_int_equal(opened_in(w, "/x/d"), 0x9);
}

static void eat(void *arg)
{
	size_t size = 32 * MIB;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	for (size_t i = 0; p != MAP_FAILED && i < size; i += 4096)
		p[i] = 1;
	_exit(0);
}

static void a_kill_for_lack_of_memory_is_told_and_counted(void **state)
{
	struct world *w = *state;
	struct oci_memory memory = { .limit = 4 * MIB, .swap = 4 * MIB };
	struct oci_resources res = { .memory = &memory };
	struct oci_linux lin = { .resources = &res };
	_autoclose_ int event = -EBADF;
	uint64_t times = 0;

	NEEDS(w, CGROUP_MEMORY);
	world_create(w, "/x/c", &lin);
	event = cgroup_watch_oom(&w->host, "/x/c");
	assert_true(event >= 0);
	assert_int_equal(read(event, &times, sizeof(times)), -1);
	(void)world_v1_add(w, "/x/c", eat, NULL);
	expect_killed(w);
	assert_int_equal(cgroup_oom_kills(&w->host, "/x/c"), 1);
	assert_int_equal(read(event, &times, sizeof(times)), sizeof(times));
	assert_int_equal(cgroup_watch_oom(&w->host, "/none"), -ENOENT);
}

static void rootless_goes_without(void **state)
{
	struct world *w = *state;
	int status = 0;
	pid_t pid;

	NEEDS_CGROUP1(w);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct cgroup_plan plan;
		int r;

		alarm(30);
		if (setuid(65534) < 0 || cgroup_plan(&w->host, &w->arena, "/x/c", &no_limits, &plan, NULL) < 0)
			_exit(9);
		r = cgroup_create(&w->host, &plan, NULL);
		w->host.rootless = true;
		_exit(r == -EACCES && cgroup_create(&w->host, &plan, NULL) == 1 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* As if the root had got more: what a parent had too little of comes down, what a container is limited to stays. */
static void new_cpus_come_down(void **state)
{
	struct world *w = *state;
	struct oci_cpu cpu = { .cpus = (char *)"0" };
	struct oci_resources res = { .cpu = &cpu };
	_autoclose_ int root = -EBADF;
	_autofree_ char *all = NULL;
	struct cgroup_at at = { .host = &w->host, .path = "/" };
	unsigned own;

	NEEDS(w, CGROUP_CPUSET);
	world_create(w, "/x/c", &no_limits);
	world_create(w, "/x/limited", &no_limits);
	at.root = root = cgroupfs_open_root(w->root);
	assert_int_equal(cgroup_v1_read(&at, CGROUP_CPUSET, "cpuset.cpus", &all), 0);
	all[strcspn(all, "\n")] = '\0';
	if (strcmp(all, "0") == 0)
		skip();
	at.path = "/x/c";
	assert_int_equal(cgroup_v1_write(&at, CGROUP_CPUSET, "cpuset.cpus", "0"), 0);
	OK(cgroup_update(&w->host, "/x/limited", &res, why));
	own = cgroup_find_own_cpus(&w->host, "/x/limited");
	assert_int_equal(own & 1, 1);
	OK(cgroup_follow_cpus(&w->host, "/x/limited", NULL, own, why));
	expect_file(w, "/x/limited", CGROUP_CPUSET, "cpuset.cpus", "0");
	at.path = "/x";
	assert_int_equal(cgroup_v1_write(&at, CGROUP_CPUSET, "cpuset.cpus", "0"), 0);
	own = cgroup_find_own_cpus(&w->host, "/x/c");
	assert_int_equal(own & 1, 0);
	OK(cgroup_follow_cpus(&w->host, "/x/c", &cpu, own, why));
	expect_file(w, "/x", CGROUP_CPUSET, "cpuset.cpus", all);
	expect_file(w, "/x/c", CGROUP_CPUSET, "cpuset.cpus", "0");
	/* Asked before another container of the same parent took that along. */
	OK(cgroup_follow_cpus(&w->host, "/x/c", NULL, own, why));
	expect_file(w, "/x/c", CGROUP_CPUSET, "cpuset.cpus", all);
}

int test_v1(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_V1_WORLD(create_is_everywhere_and_refuses_one_in_use),
		IN_A_V1_WORLD(limits_reach_the_kernel),
		IN_A_V1_WORLD(a_failed_create_leaves_nothing),
		IN_A_V1_WORLD(freeze_waits_for_the_kernel),
		IN_A_V1_WORLD(freeze_holds_those_who_fork),
		IN_A_V1_WORLD(kill_ends_all_also_what_is_frozen),
		IN_A_V1_WORLD(kill_works_without_its_file),
		IN_A_V1_WORLD(all_works_without_cgroup2),
		IN_A_V1_WORLD(device_filter_holds),
		IN_A_V1_WORLD(a_kill_for_lack_of_memory_is_told_and_counted),
		IN_A_V1_WORLD(rootless_goes_without),
		IN_A_V1_WORLD(new_cpus_come_down),
	};

	return cmocka_run_group_tests_name("v1", tests, NULL, NULL);
}
