/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sizing.h"

#include "tests/lib/unit.h"

#define MIB ((int64_t)1 << 20)

static const struct config_hypervisor machine = {
	.default_vcpus = 1,
	.default_maxvcpus = 8,
	.default_memory = 2048,
	.default_maxmemory = 16384,
};

/* The sum is rounded up once: two halves are one CPU, and two containers of two CPUs are four. */
static void quotas_are_added_up(void **state)
{
	static const struct {
		struct sizing_demand demands[3];
		size_t n;
		int64_t expected;
	} table[] = {
		{ .n = 0, .expected = 1 },
		{ { { .cpu_quota = 50000, .cpu_period = 100000 } }, 1, 2 },
		{ { { .cpu_quota = 50000, .cpu_period = 100000 }, { .cpu_quota = 5000, .cpu_period = 10000 } }, 2, 2 },
		{ { { .cpu_quota = 200000, .cpu_period = 100000 }, { .cpu_quota = 200000, .cpu_period = 100000 } },
		  2,
		  5 },
		{ { { .cpu_quota = 1, .cpu_period = 3 },
		    { .cpu_quota = 1, .cpu_period = 3 },
		    { .cpu_quota = 1, .cpu_period = 3 } },
		  3,
		  2 },
		{ { { .cpu_quota = 150000 } }, 1, 3 },
		{ { { .cpu_period = 100000 } }, 1, 1 },
		{ { { .cpu_quota = 9000000, .cpu_period = 100000 } }, 1, 8 },
		{ { { .cpuset = "0-2,2,5" } }, 1, 5 },
		{ { { .cpuset = "0-1" }, { .cpuset = "1-2" } }, 2, 4 },
		{ { { .cpuset = "0-3" }, { .cpu_quota = 50000, .cpu_period = 100000 } }, 2, 2 },
		{ { { .cpuset = "nonsense" } }, 1, 1 },
		{ { { .cpuset = "0-99999999999" } }, 1, 8 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(sizing_for(&machine, table[i].demands, table[i].n, 128).vcpus, table[i].expected);
}

static void memory_grows_by_blocks(void **state)
{
	static const struct {
		struct sizing_demand demands[2];
		int64_t block, expected;
	} table[] = {
		{ { { 0 } }, 128, 2048 },
		{ { { .memory = 1 } }, 128, 2048 + 128 },
		{ { { .memory = 128 * MIB } }, 128, 2048 + 128 },
		{ { { .memory = 100 * MIB }, { .memory = 100 * MIB } }, 128, 2048 + 256 },
		{ { { .memory = 100 * MIB }, { .hugepages = 4 * (uint64_t)MIB } }, 128, 2048 + 128 },
		{ { { .memory = 100 * MIB } }, 0, 2048 + 100 },
		{ { { .memory = 100 * 1024 * MIB } }, 128, 16384 },
		{ { { .memory = INT64_MAX }, { .memory = INT64_MAX } }, 128, 16384 },
		{ { { .memory = 15000 * MIB } }, 10000, 2048 + 10000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(sizing_for(&machine, table[i].demands, 2, table[i].block).memory_mib,
		                 table[i].expected);
}

static void an_update_leaves_alone_what_it_does_not_name(void **state)
{
	struct oci_cpu cpu = { .quota = 0, .period = 0 };
	struct oci_memory memory = { .limit = 0 };
	struct oci_resources update = { .cpu = &cpu, .memory = &memory };
	struct sizing_demand demand = { .cpu_quota = 50000, .cpu_period = 100000, .memory = 64 * MIB };

	(void)state;
	sizing_update(&demand, &update);
	assert_int_equal(demand.cpu_quota, 50000);
	assert_int_equal(demand.cpu_period, 100000);
	assert_int_equal(demand.memory, 64 * MIB);

	cpu.quota = -1;
	memory.limit = -1;
	sizing_update(&demand, &update);
	assert_int_equal(demand.cpu_quota, 0);
	assert_int_equal(demand.memory, 0);

	cpu = (struct oci_cpu){ .quota = 30000, .period = 10000 };
	sizing_update(&demand, &update);
	assert_int_equal(sizing_for(&machine, &demand, 1, 1).vcpus, 4);
}

static void a_static_size_follows_the_pod_then_the_container(void **state)
{
	static const struct sizing_demand container = { .cpu_quota = 100000,
		                                        .cpu_period = 100000,
		                                        .memory = 512 * MIB };
	static const struct {
		struct annotation_size pod;
		int64_t vcpus, memory_mib;
	} table[] = {
		{ { 0 }, 2, 2560 },
		{ { .cpu_quota = 300000, .cpu_period = 100000, .memory = 1024 * MIB }, 4, 3072 },
		{ { .cpu_quota = -1, .cpu_shares = 2048, .memory = 100 * MIB }, 3, 2148 },
		{ { .cpu_quota = -1 }, 1, 2048 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sizing_result got = sizing_static(&machine, &table[i].pod, &container);

		assert_int_equal(got.vcpus, table[i].vcpus);
		assert_int_equal(got.memory_mib, table[i].memory_mib);
	}
}

int test_sizing(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotas_are_added_up),
		cmocka_unit_test(memory_grows_by_blocks),
		cmocka_unit_test(an_update_leaves_alone_what_it_does_not_name),
		cmocka_unit_test(a_static_size_follows_the_pod_then_the_container),
	};

	return cmocka_run_group_tests_name("sizing", tests, NULL, NULL);
}
