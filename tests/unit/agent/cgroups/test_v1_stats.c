/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v1_stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static void cpu_times_are_ticks_and_nanoseconds(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_stats s = { 0 };

	(void)state;
	cgroup_v1_parse_cpuacct("user 7\nsystem 3\n", &s);
	assert_int_equal(s.cpu_user, 70000000);
	assert_int_equal(s.cpu_kernel, 30000000);
	cgroup_v1_parse_cpuacct("user 18446744073709551615\n", &s);
	assert_true(s.cpu_user == UINT64_MAX);
	assert_int_equal(cgroup_v1_parse_per_cpu("123 0 456 \n", &arena, &s), 0);
	assert_int_equal(s.n_per_cpu, 3);
	assert_int_equal(s.per_cpu[2], 456);
	assert_int_equal(cgroup_v1_parse_per_cpu("", &arena, &s), 0);
	assert_int_equal(s.n_per_cpu, 0);
	assert_int_equal(cgroup_v1_parse_per_cpu("1 x 2\n", &arena, &s), 0);
	assert_int_equal(s.n_per_cpu, 1);
}

static void io_lines_have_a_device(void **state)
{
	static const char text[] =
		"8:0 Read 4096\n8:0 Write 0\n8:0 Sync 1\n8:0 Async 2\n8:0 Discard 3\n8:0 Total 4096\n"
		"garbage\n253:17 Read 18446744073709551615\nTotal 4096\n";
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_io_entry *v = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(cgroup_v1_parse_io(text, &arena, &v, &n), 0);
	assert_int_equal(n, 7);
	assert_string_equal(v[0].op, "Read");
	assert_int_equal(v[0].major, 8);
	assert_int_equal(v[0].value, 4096);
	assert_int_equal(v[6].minor, 17);
	assert_true(v[6].value == UINT64_MAX);
	assert_int_equal(cgroup_v1_parse_io("", &arena, &v, &n), 0);
	assert_int_equal(n, 0);
}

static const char *const files[][2] = {
	{ "cpu,cpuacct/x/cpuacct.usage", "1000\n" },
	{ "cpu,cpuacct/x/cpuacct.stat", "user 1\nsystem 2\n" },
	{ "cpu,cpuacct/x/cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 77\n" },
	{ "memory/x/memory.usage_in_bytes", "100\n" },
	{ "memory/x/memory.max_usage_in_bytes", "200\n" },
	{ "memory/x/memory.limit_in_bytes", "300\n" },
	{ "memory/x/memory.failcnt", "4\n" },
	{ "memory/x/memory.memsw.limit_in_bytes", "500\n" },
	{ "memory/x/memory.kmem.usage_in_bytes", "60\n" },
	{ "memory/x/memory.stat", "cache 7\nrss 8\ntotal_cache 9\n" },
	{ "memory/x/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n" },
	{ "pids/x/pids.current", "5\n" },
	{ "pids/x/pids.max", "max\n" },
	{ "blkio/x/blkio.throttle.io_service_bytes", "8:0 Read 4096\nTotal 4096\n" },
	{ "blkio/x/blkio.throttle.io_serviced_recursive", "8:0 Read 2\n8:0 Write 3\nTotal 5\n" },
	{ "blkio/x/blkio.throttle.io_serviced", "8:0 Read 1\nTotal 1\n" },
	{ "hugetlb/x/hugetlb.2MB.usage_in_bytes", "2097152\n" },
	{ "hugetlb/x/hugetlb.2MB.failcnt", "6\n" },
	{ "hugetlb/x/hugetlb.2MB.rsvd.usage_in_bytes", "1\n" },
};

#define BIT(c) (1U << (c))

static void every_hierarchy_is_read(void **state)
{
	static const struct cgroup_hierarchies list = { .v = { { "cpu,cpuacct", BIT(CGROUP_CPU) | BIT(CGROUP_CPUACCT) },
		                                               { "memory", BIT(CGROUP_MEMORY) },
		                                               { "pids", BIT(CGROUP_PIDS) },
		                                               { "blkio", BIT(CGROUP_BLKIO) },
		                                               { "hugetlb", BIT(CGROUP_HUGETLB) } },
		                                        .n = 5 };
	const struct tempdir *dir = *state;
	const struct cgroup_host host = { .v1 = list, .ops = &cgroup_v1_ops };
	struct cgroup_at at = { .host = &host, .root = dir->fd, .path = "/x" };
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_stats s = { 0 };
	char name[64];

	for (size_t i = 0; i < list.n; i++) {
		assert_int_equal(mkdirat(dir->fd, list.v[i].dir, 0700), 0);
		(void)snprintf(name, sizeof(name), "%s/x", list.v[i].dir);
		assert_int_equal(mkdirat(dir->fd, name, 0700), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		tempdir_write(dir, files[i][0], files[i][1]);
	assert_int_equal(cgroup_v1_stats(&at, &arena, &s), 0);
	assert_int_equal(s.cpu_total, 1000);
	assert_int_equal(s.cpu_kernel, 20000000);
	assert_int_equal(s.periods, 3);
	assert_int_equal(s.throttled_time, 77);
	assert_int_equal(s.memory.usage, 100);
	assert_int_equal(s.memory.max_usage, 200);
	assert_int_equal(s.memory.failcnt, 4);
	assert_int_equal(s.swap.limit, 500);
	assert_int_equal(s.kernel.usage, 60);
	assert_int_equal(s.cache, 7);
	assert_int_equal(s.n_memory_stat, 3);
	assert_int_equal(s.oom_kills, 2);
	assert_int_equal(s.pids_current, 5);
	assert_int_equal(s.pids_limit, 0);
	assert_int_equal(s.n_io_bytes, 1);
	assert_int_equal(s.n_io_ops, 2);
	assert_int_equal(s.n_hugetlb, 1);
	assert_int_equal(s.hugetlb[0].failcnt, 6);
	at.path = "/gone";
	assert_int_equal(cgroup_v1_stats(&at, &arena, &s), -ENOENT);
}

int test_v1_stats(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_times_are_ticks_and_nanoseconds),
		cmocka_unit_test(io_lines_have_a_device),
		cmocka_unit_test_setup_teardown(every_hierarchy_is_read, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("v1_stats", tests, NULL, NULL);
}
