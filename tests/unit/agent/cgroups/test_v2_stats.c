/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v2_stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

static void cpu_is_in_nanoseconds(void **state)
{
	struct cgroup_stats s = { 0 };

	(void)state;
	cgroup_v2_parse_cpu("usage_usec 1500\nuser_usec 1000\nsystem_usec 500\ncore_sched.force_idle_usec 0\n"
	                    "nr_periods 7\nnr_throttled 3\nthrottled_usec 20\nnr_bursts 0\n",
	                    &s);
	assert_int_equal(s.cpu_total, 1500000);
	assert_int_equal(s.cpu_user, 1000000);
	assert_int_equal(s.cpu_kernel, 500000);
	assert_int_equal(s.periods, 7);
	assert_int_equal(s.throttled_periods, 3);
	assert_int_equal(s.throttled_time, 20000);
	assert_int_equal(s.n_per_cpu, 0);
	memset(&s, 0, sizeof(s));
	cgroup_v2_parse_cpu("usage_usec x\n\xff\xfe 1\nuser_usec\nsystem_usec 18446744073709551615", &s);
	assert_int_equal(s.cpu_total, 0);
	assert_int_equal(s.cpu_user, 0);
	assert_true(s.cpu_kernel == UINT64_MAX);
}

static void memory_has_all_keys(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_stats s = { 0 };

	(void)state;
	assert_int_equal(
		cgroup_v2_parse_memory("anon 8192\nfile 4096\nkernel 300\nbad\nworse x\nfile_mapped 5\n", &arena, &s),
		0);
	assert_int_equal(s.cache, 4096);
	assert_int_equal(s.kernel.usage, 300);
	assert_int_equal(s.n_memory_stat, 4);
	assert_string_equal(s.memory_stat[0].key, "anon");
	assert_int_equal(s.memory_stat[0].value, 8192);
	assert_string_equal(s.memory_stat[3].key, "file_mapped");
	assert_int_equal(cgroup_v2_parse_memory("", &arena, &s), 0);
	assert_int_equal(s.n_memory_stat, 0);
}

static void memory_obeys_its_budget(void **state)
{
	_autoarena_ struct arena arena = { .max = 64 };
	struct cgroup_stats s = { 0 };

	(void)state;
	assert_int_equal(cgroup_v2_parse_memory("a 1\nb 2\nc 3\nd 4\ne 5\nf 6\n", &arena, &s), -ENOMEM);
	assert_int_equal(s.n_memory_stat, 0);
}

static void io_has_an_entry_for_each_direction(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_stats s = { 0 };

	(void)state;
	assert_int_equal(cgroup_v2_parse_io("254:0 rbytes=1024 wbytes=2048 rios=3 wios=4 dbytes=0 dios=0\n"
	                                    "7:0\n7:1 \ngarbage\n8:x rbytes=1\n-8:1rbytes=3\n8:2 rbytes=q wbytes=\n"
	                                    "8:16 wbytes=9 cost.usage=5",
	                                    &arena, &s),
	                 0);
	assert_int_equal(s.n_io_bytes, 4);
	assert_int_equal(s.n_io_ops, 4);
	assert_int_equal(s.io_bytes[0].major, 254);
	assert_string_equal(s.io_bytes[0].op, "read");
	assert_int_equal(s.io_bytes[0].value, 1024);
	assert_string_equal(s.io_bytes[1].op, "write");
	assert_int_equal(s.io_bytes[1].value, 2048);
	assert_int_equal(s.io_ops[0].value, 3);
	assert_int_equal(s.io_ops[1].value, 4);
	assert_int_equal(s.io_bytes[3].minor, 16);
	assert_int_equal(s.io_bytes[3].value, 9);
}

static const char *const files[][2] = {
	{ "cpu.stat", "usage_usec 2\n" },
	{ "memory.current", "100\n" },
	{ "memory.peak", "200\n" },
	{ "memory.max", "max\n" },
	{ "memory.events", "low 0\nhigh 0\nmax 6\noom 2\noom_kill 1\noom_group_kill 0\n" },
	{ "memory.stat", "anon 1\nfile 2\nkernel 3\n" },
	{ "memory.swap.current", "10\n" },
	{ "memory.swap.max", "30\n" },
	{ "memory.swap.events", "high 0\nmax 4\nfail 5\n" },
	{ "pids.current", "4\n" },
	{ "pids.max", "max\n" },
	{ "io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n" },
	{ "hugetlb.2MB.current", "2097152\n" },
	{ "hugetlb.2MB.max", "max\n" },
	{ "hugetlb.2MB.events", "max 8\n" },
	{ "hugetlb.2MB.rsvd.current", "0\n" },
};

static void a_directory_is_read_whole(void **state)
{
	char path[] = "/tmp/v2-stats-XXXXXX";
	_autoarena_ struct arena arena = { 0 };
	_autoclose_ int dir = -EBADF;
	struct cgroup_stats s = { 0 };
	struct cgroup_at at = { .path = "/" };

	(void)state;
	assert_non_null(mkdtemp(path));
	dir = at.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_int_equal(close(openat(dir, files[i][0], O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
		assert_int_equal(fd_write_file_at(dir, files[i][0], files[i][1]), 0);
	}
	assert_int_equal(cgroup_v2_stats(&at, &arena, &s), 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(unlinkat(dir, files[i][0], 0), 0);
	assert_int_equal(s.cpu_total, 2000);
	assert_int_equal(s.memory.usage, 100);
	assert_int_equal(s.memory.max_usage, 200);
	assert_true(s.memory.limit == UINT64_MAX);
	assert_int_equal(s.memory.failcnt, 6);
	assert_int_equal(s.oom_kills, 1);
	assert_int_equal(s.swap.usage, 10);
	assert_int_equal(s.swap.limit, 30);
	assert_int_equal(s.swap.failcnt, 5);
	assert_true(s.kernel.limit == UINT64_MAX);
	assert_int_equal(s.pids_current, 4);
	assert_int_equal(s.pids_limit, 0);
	assert_int_equal(s.n_io_bytes, 2);
	assert_int_equal(s.n_hugetlb, 1);
	assert_string_equal(s.hugetlb[0].page_size, "2MB");
	assert_int_equal(s.hugetlb[0].usage, 2097152);
	assert_int_equal(s.hugetlb[0].failcnt, 8);
	memset(&s, 0, sizeof(s));
	assert_int_equal(cgroup_v2_stats(&at, &arena, &s), 0);
	assert_int_equal(s.memory.limit, 0);
	at.path = "/gone";
	assert_int_equal(cgroup_v2_stats(&at, &arena, &s), -ENOENT);
	assert_int_equal(rmdir(path), 0);
}

int test_v2_stats(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_is_in_nanoseconds),     cmocka_unit_test(memory_has_all_keys),
		cmocka_unit_test(memory_obeys_its_budget),   cmocka_unit_test(io_has_an_entry_for_each_direction),
		cmocka_unit_test(a_directory_is_read_whole),
	};

	return cmocka_run_group_tests_name("v2_stats", tests, NULL, NULL);
}
