/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v1_plan.h"

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "tests/lib/unit.h"

static const struct cgroup_v1_now fresh = CGROUP_V1_NEW;

/* Plans and compares with the golden text; if the plan fails, its reason is compared. */
static void check(const struct oci_resources *res, const struct cgroup_v1_now *now, const char *expected)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf out = BUF_INIT;
	struct step_list steps = { 0 };
	struct err err = ERR_INIT;

	if (cgroup_v1_plan(&arena, res, now, &steps, &err) < 0) {
		assert_int_equal(err.num, EINVAL);
		assert_string_equal(err.text, expected);
		return;
	}
	assert_int_equal(step_list_print(&steps, &out), 0);
	assert_string_equal(buf_str(&out), expected);
}

static void nothing_asked_is_nothing_planned(void **state)
{
	struct oci_resources empty = { 0 };

	(void)state;
	check(NULL, &fresh, "");
	check(&empty, &fresh, "");
}

static void cpu_is_written(void **state)
{
	static const struct {
		struct oci_cpu cpu;
		const char *expected;
	} rows[] = {
		{ { .shares = 1024 }, "write target=cpu.shares type=cpu data=1024\n" },
		{ { .quota = 50000, .period = 100000 },
		  "bandwidth source=100000 target=cpu.cfs_quota_us type=cpu data=50000\n" },
		{ { .quota = -1, .period = 100000 },
		  "bandwidth source=100000 target=cpu.cfs_quota_us type=cpu data=-1\n" },
		{ { .quota = 50000 }, "write target=cpu.cfs_quota_us type=cpu data=50000\n" },
		{ { .quota = -1 }, "try target=cpu.cfs_quota_us type=cpu data=-1\n" },
		{ { .period = 20000 }, "write target=cpu.cfs_period_us type=cpu data=20000\n" },
		{ { .quota = -5, .period = 1 }, "cpu quota limit '-5' is negative" },
		{ { .quota = 10000, .has_burst = true, .burst = 5000 },
		  "attempt target=cpu.cfs_burst_us type=cpu data=5000\n"
		  "write target=cpu.cfs_quota_us type=cpu data=10000\n"
		  "write target=cpu.cfs_burst_us type=cpu data=5000\n" },
		{ { .has_idle = true, .idle = 1, .shares = 5 }, "write target=cpu.idle type=cpu data=1\n" },
		{ { .has_idle = true, .shares = 5 },
		  "try target=cpu.idle type=cpu data=0\nwrite target=cpu.shares type=cpu data=5\n" },
		{ { .realtime_period = 9, .realtime_runtime = 8 },
		  "write target=cpu.rt_period_us type=cpu data=9\nwrite target=cpu.rt_runtime_us type=cpu data=8\n" },
		{ { .cpus = (char *)"0-1", .mems = (char *)"0" },
		  "write target=cpuset.cpus type=cpuset data=0-1\nwrite target=cpuset.mems type=cpuset data=0\n" },
		{ { .cpus = (char *)"", .mems = (char *)"" }, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_cpu cpu = rows[i].cpu;
		struct oci_resources res = { .cpu = &cpu };

		check(&res, &fresh, rows[i].expected);
	}
}

#define LIMIT(n) "write target=memory.limit_in_bytes type=memory data=" n "\n"
#define SWAP(n)  "write target=memory.memsw.limit_in_bytes type=memory data=" n "\n"

static void memory_and_swap_in_an_order_that_works(void **state)
{
	static const struct {
		struct oci_memory memory;
		uint64_t now;
		const char *expected;
	} rows[] = {
		{ { .limit = 64, .swap = 128 }, UINT64_MAX, LIMIT("64") SWAP("128") },
		{ { .limit = 64, .swap = 128 }, 32, SWAP("128") LIMIT("64") },
		{ { .limit = 64, .swap = 128 }, 128, SWAP("128") LIMIT("64") },
		{ { .limit = 64, .swap = 128 }, 256, LIMIT("64") SWAP("128") },
		{ { .limit = 64 }, UINT64_MAX, LIMIT("64") },
		{ { .limit = 64, .swap = -1 },
		  32,
		  "try target=memory.memsw.limit_in_bytes type=memory data=-1\n" LIMIT("64") },
		{ { .limit = -1 },
		  64,
		  "try target=memory.memsw.limit_in_bytes type=memory data=-1\n"
		  "try target=memory.limit_in_bytes type=memory data=-1\n" },
		{ { .swap = 128 }, 64, SWAP("128") },
		{ { .swap = 128 }, UINT64_MAX, "swap limit '128' without a memory limit" },
		{ { .limit = 64, .swap = 32 }, 64, "swap limit '32' is below the memory limit '64': it is for both" },
		{ { .limit = -2 }, 64, "memory limit '-2' is negative" },
		{ { .limit = 64, .check_before_update = true },
		  128,
		  "fits target=memory.usage_in_bytes type=memory data=64\n" LIMIT("64") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_memory memory = rows[i].memory;
		struct oci_resources res = { .memory = &memory };
		const struct cgroup_v1_now now = { .memory_limit = rows[i].now };

		check(&res, &now, rows[i].expected);
	}
}

static void the_rest_of_memory(void **state)
{
	struct oci_memory memory = { .reservation = 7,
		                     .kernel = 8,
		                     .kernel_tcp = 9,
		                     .has_swappiness = true,
		                     .swappiness = 0,
		                     .disable_oom_killer = true };
	struct oci_resources res = { .memory = &memory };

	(void)state;
	check(&res, &fresh,
	      "write target=memory.soft_limit_in_bytes type=memory data=7\n"
	      "attempt target=memory.kmem.limit_in_bytes type=memory data=8\n"
	      "write target=memory.kmem.tcp.limit_in_bytes type=memory data=9\n"
	      "write target=memory.swappiness type=memory data=0\n"
	      "write target=memory.oom_control type=memory data=1\n");
	memory = (struct oci_memory){ .has_swappiness = true, .swappiness = UINT64_MAX };
	check(&res, &fresh, "");
	memory.swappiness = 101;
	check(&res, &fresh, "swappiness '101' is not in 0..100");
}

static void block_io_is_written(void **state)
{
	struct oci_weight_device weight = { .major = 8, .minor = 16, .weight = 300, .leaf_weight = 20 };
	struct oci_throttle_device device = { .major = 8, .minor = 0, .rate = 1048576 }, none = { .major = 8 };
	struct oci_block_io io = { .weight = 500,
		                   .weight_devices = &weight,
		                   .n_weight_devices = 1,
		                   .read_bps = { &device, 1 },
		                   .write_iops = { &none, 1 } };
	struct oci_resources res = { .block_io = &io };

	(void)state;
	check(&res, &fresh,
	      "try target=blkio.weight type=blkio data=500\n"
	      "else target=blkio.bfq.weight type=blkio data=500\n"
	      "try target=blkio.weight_device type=blkio data=8:16 300\n"
	      "else target=blkio.bfq.weight_device type=blkio data=8:16 300\n"
	      "attempt target=blkio.leaf_weight_device type=blkio data=8:16 20\n"
	      "write target=blkio.throttle.read_bps_device type=blkio data=8:0 1048576\n"
	      "try target=blkio.throttle.write_iops_device type=blkio data=8:0 0\n");
	io.weight = 9;
	check(&res, &fresh, "block I/O weight '9' is not in 10..1000");
}

static void lists_are_written(void **state)
{
	struct oci_hugepage_limit pages[] = { { (char *)"2MB", 4194304 }, { (char *)"1GB", 0 } };
	struct oci_interface_priority priority = { (char *)"eth0", 5 };
	struct oci_network net = {
		.has_class_id = true, .class_id = 1048577, .priorities = &priority, .n_priorities = 1
	};
	struct oci_rdma_limit rdma = { .device = (char *)"mlx5_1", .has_handles = true, .handles = 3 };
	struct oci_resources res = { .hugepages = pages,
		                     .n_hugepages = 2,
		                     .network = &net,
		                     .rdma = { &rdma, 1 },
		                     .has_pids = true,
		                     .pids_limit = 30 };

	(void)state;
	check(&res, &fresh,
	      "write target=pids.max type=pids data=30\n"
	      "write target=hugetlb.2MB.limit_in_bytes type=hugetlb data=4194304\n"
	      "try target=hugetlb.2MB.rsvd.limit_in_bytes type=hugetlb data=4194304\n"
	      "try target=hugetlb.1GB.limit_in_bytes type=hugetlb data=0\n"
	      "try target=hugetlb.1GB.rsvd.limit_in_bytes type=hugetlb data=0\n"
	      "write target=net_cls.classid type=net_cls data=1048577\n"
	      "write target=net_prio.ifpriomap type=net_prio data=eth0 5\n"
	      "write target=rdma.max type=rdma data=mlx5_1 hca_handle=3 hca_object=max\n");
	pages[0].page_size = (char *)"../x";
	check(&res, &fresh, "page size '../x' is not valid");
	res = (struct oci_resources){ .has_pids = true, .pids_limit = -1 };
	check(&res, &fresh, "try target=pids.max type=pids data=max\n");
}

static void unified_is_not_ours(void **state)
{
	struct oci_pair pair = { (char *)"memory.high", (char *)"1" };
	struct oci_resources res = { .unified = { &pair, 1 } };

	(void)state;
	check(&res, &fresh, "unified resource 'memory.high' needs cgroup v2");
}

int test_v1_plan(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_is_nothing_planned),
		cmocka_unit_test(cpu_is_written),
		cmocka_unit_test(memory_and_swap_in_an_order_that_works),
		cmocka_unit_test(the_rest_of_memory),
		cmocka_unit_test(block_io_is_written),
		cmocka_unit_test(lists_are_written),
		cmocka_unit_test(unified_is_not_ours),
	};

	return cmocka_run_group_tests_name("v1_plan", tests, NULL, NULL);
}
