/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stats.h"

#include <string.h>

#include "tests/lib/unit.h"

static void contains(const struct buf *out, const char *text)
{
	if (!strstr(buf_str(out), text))
		fail_msg("no %s in %s", text, buf_str(out));
}

/* An agent need not say everything. */
static void empty_answer(void **state)
{
	Grpc__StatsContainerResponse reply = GRPC__STATS_CONTAINER_RESPONSE__INIT;
	_autobuf_ struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(stats_format("web", &reply, &out), 0);
	contains(&out, "\"id\":\"web\"");
	contains(&out, "\"pids\":{\"current\":0}");
}

static void all_of_it(void **state)
{
	Grpc__StatsContainerResponse reply = GRPC__STATS_CONTAINER_RESPONSE__INIT;
	Grpc__CgroupStats group = GRPC__CGROUP_STATS__INIT;
	Grpc__CpuStats cpu = GRPC__CPU_STATS__INIT;
	Grpc__CpuUsage usage = GRPC__CPU_USAGE__INIT;
	Grpc__MemoryStats memory = GRPC__MEMORY_STATS__INIT;
	Grpc__MemoryData data = GRPC__MEMORY_DATA__INIT;
	Grpc__MemoryStats__StatsEntry anon = GRPC__MEMORY_STATS__STATS_ENTRY__INIT, *stats[] = { &anon };
	Grpc__PidsStats pids = GRPC__PIDS_STATS__INIT;
	Grpc__BlkioStats io = GRPC__BLKIO_STATS__INIT;
	Grpc__BlkioStatsEntry read = GRPC__BLKIO_STATS_ENTRY__INIT, *reads[] = { &read };
	Grpc__CgroupStats__HugetlbStatsEntry none = GRPC__CGROUP_STATS__HUGETLB_STATS_ENTRY__INIT, *huge[] = { &none };
	uint64_t each[] = { 4, 3 };
	_autobuf_ struct buf out = BUF_INIT;

	(void)state;
	usage.total_usage = 7;
	usage.percpu_usage = each;
	usage.n_percpu_usage = 2;
	cpu.cpu_usage = &usage;
	data.usage = 4096;
	data.limit = UINT64_MAX;
	anon.key = (char *)(uintptr_t) "anon";
	anon.value = 11;
	memory.usage = &data;
	memory.stats = stats;
	memory.n_stats = 1;
	pids.current = 2;
	pids.limit = 33;
	read.major = 8;
	read.op = (char *)(uintptr_t) "read";
	read.value = 512;
	io.io_service_bytes_recursive = reads;
	io.n_io_service_bytes_recursive = 1;
	/* a value that is missing on the wire */
	none.key = (char *)(uintptr_t) "2MB";
	group.hugetlb_stats = huge;
	group.n_hugetlb_stats = 1;
	group.cpu_stats = &cpu;
	group.memory_stats = &memory;
	group.pids_stats = &pids;
	group.blkio_stats = &io;
	reply.cgroup_stats = &group;
	assert_int_equal(stats_format("web", &reply, &out), 0);
	contains(&out, "\"total\":7");
	contains(&out, "\"percpu\":[4,3]");
	contains(&out, "\"limit\":18446744073709551615");
	contains(&out, "\"raw\":{\"anon\":11}");
	contains(&out, "\"pids\":{\"current\":2,\"limit\":33}");
	contains(&out, "\"op\":\"read\",\"value\":512");
	contains(&out, "\"hugetlb\":{}");
}

int test_stats(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_answer),
		cmocka_unit_test(all_of_it),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
