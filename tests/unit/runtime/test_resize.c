/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/resize.h"

#include <errno.h>
#include <string.h>

#include "lib/err.h"
#include "tests/lib/unit.h"
#include "tests/unit/runtime/fakesandbox.h"

#define MIB   ((int64_t)1 << 20)
#define BLOCK "{\"memBlockSizeBytes\": \"134217728\"}"

static void count(void *arg)
{
	++*(int *)arg;
}

static void demand(struct container *c, int64_t quota, int64_t mib)
{
	c->demand = (struct sizing_demand){ .cpu_quota = quota, .cpu_period = 100000, .memory = mib * MIB };
}

static void expect_want(const struct fakesandbox *f, unsigned n, int64_t vcpus, int64_t mib)
{
	assert_int_equal(f->vm.n_resizes, n);
	assert_int_equal(f->vm.want.vcpus, vcpus);
	assert_int_equal(f->vm.want.memory_mib, mib);
}

/* The agent is asked once how large its blocks are; then nothing is to be done. */
static void a_vm_that_fits_stays(void **state)
{
	struct fakesandbox *f = *state;
	int told = 0;

	resize_ask(&f->sb, count, &told);
	assert_int_equal(told, 0);
	assert_string_equal(fakesandbox_heard(f), "GetGuestDetails {\"mem_block_size\":true}");
	fakesandbox_answer(f, BLOCK);
	assert_int_equal(told, 1);
	resize_ask(&f->sb, count, &told);
	assert_string_equal(fakesandbox_heard(f), "");
	assert_int_equal(told, 2);
	assert_int_equal(f->vm.n_resizes, 0);
}

/* Half a CPU and 200 MiB are one CPU and two blocks; who asked is told when the agent has put them to use. */
static void it_grows_and_shrinks(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_CREATING);
	int told = 0;

	demand(c, 50000, 200);
	resize_ask(&f->sb, count, &told);
	(void)fakesandbox_heard(f);
	fakesandbox_answer(f, BLOCK);
	expect_want(f, 1, 2, 768);
	fakesandbox_resized(f, 2, 768, NULL);
	assert_int_equal(told, 0);
	assert_string_equal(fakesandbox_heard(f), "OnlineCPUMem {\"nb_cpus\":2}");
	fakesandbox_answer(f, "{}");
	assert_int_equal(told, 1);
	assert_string_equal(fakesandbox_state(f, "size.vcpus"), "2");
	assert_string_equal(fakesandbox_state(f, "size.memory_mib"), "768");

	c->status = CONTAINER_STOPPED;
	resize_ask(&f->sb, count, &told);
	fakesandbox_turn(f);
	expect_want(f, 2, 1, 512);
	fakesandbox_resized(f, 1, 512, NULL);
	assert_string_equal(fakesandbox_heard(f), "");
	assert_int_equal(told, 2);
	assert_string_equal(fakesandbox_state(f, "size.vcpus"), "1");
}

/* CPUs that the guest would not take are not waited for; what should be stays in the state. */
static void what_was_not_possible_is_no_failure(void **state)
{
	struct fakesandbox *f = *state;
	int told = 0;

	demand(fakesandbox_add(f, "web", CONTAINER_RUNNING), 200000, 128);
	resize_ask(&f->sb, count, &told);
	(void)fakesandbox_heard(f);
	fakesandbox_refuse(f, RPC_UNIMPLEMENTED, "an old agent");
	expect_want(f, 1, 3, 640);
	fakesandbox_resized(f, 2, 512, "the guest refuses a CPU");
	assert_string_equal(fakesandbox_heard(f), "OnlineCPUMem {}");
	fakesandbox_refuse(f, RPC_INTERNAL, "no");
	assert_int_equal(told, 1);
	assert_string_equal(fakesandbox_state(f, "size.vcpus"), "2");
	assert_string_equal(fakesandbox_state(f, "size.wanted_vcpus"), "3");
	assert_string_equal(fakesandbox_state(f, "size.wanted_memory_mib"), "640");

	/* QEMU that takes no command is no failure either. */
	f->vm.resize_rc = -ENOTCONN;
	resize_ask(&f->sb, count, &told);
	fakesandbox_turn(f);
	expect_want(f, 2, 3, 640);
	assert_int_equal(told, 2);
}

/* What the configuration allows is no whole number of blocks. */
static void there_is_a_most(void **state)
{
	struct fakesandbox *f = *state;

	f->sb.resize.block_mib = 128;
	f->sb.config.hypervisor.default_maxmemory = 1000;
	demand(fakesandbox_add(f, "web", CONTAINER_RUNNING), 900000, 2000);
	resize_ask(&f->sb, NULL, NULL);
	fakesandbox_turn(f);
	expect_want(f, 1, 4, 896);
	fakesandbox_resized(f, 4, 896, NULL);
	(void)fakesandbox_heard(f);
	fakesandbox_answer(f, "{}");
	f->sb.config.hypervisor.default_maxmemory = 1024;
	resize_ask(&f->sb, NULL, NULL);
	fakesandbox_turn(f);
	expect_want(f, 2, 4, 1024);
	/* Below the size at boot it does not go. */
	fakesandbox_resized(f, 4, 1024, NULL);
	(void)fakesandbox_heard(f);
	fakesandbox_answer(f, "{}");
	f->sb.config.hypervisor.default_maxmemory = 256;
	resize_ask(&f->sb, NULL, NULL);
	fakesandbox_turn(f);
	expect_want(f, 3, 4, 512);
}

/* Whoever asks while one is under way gets a turn of his own, which sees what he has changed. */
static void one_at_a_time(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_RUNNING);
	int first = 0, second = 0, gone = 0;

	f->sb.resize.block_mib = 128;
	demand(c, 0, 128);
	resize_ask(&f->sb, count, &first);
	fakesandbox_turn(f);
	expect_want(f, 1, 1, 640);
	demand(c, 0, 256);
	resize_ask(&f->sb, count, &second);
	resize_ask(&f->sb, count, &gone);
	resize_forget(&f->sb, &gone);
	fakesandbox_turn(f);
	assert_int_equal(f->vm.n_resizes, 1);
	fakesandbox_resized(f, 1, 640, NULL);
	assert_string_equal(fakesandbox_heard(f), "OnlineCPUMem {}");
	fakesandbox_answer(f, "{}");
	assert_int_equal(first, 1);
	assert_int_equal(second, 0);
	expect_want(f, 2, 1, 768);
	fakesandbox_resized(f, 1, 768, NULL);
	(void)fakesandbox_heard(f);
	fakesandbox_answer(f, "{}");
	assert_int_equal(first, 1);
	assert_int_equal(second, 1);
	assert_int_equal(gone, 0);
}

/* The caller is never told while he is still asking. */
static void a_fixed_size_is_told_later(void **state)
{
	const struct sizing_result size = { .vcpus = 1, .memory_mib = 512 };
	struct fakesandbox *f = *state;
	int told = 0;

	resize_started(&f->sb.resize, &size, true);
	demand(fakesandbox_add(f, "web", CONTAINER_RUNNING), 200000, 1024);
	resize_ask(&f->sb, count, &told);
	assert_int_equal(told, 0);
	assert_string_equal(fakesandbox_heard(f), "");
	assert_int_equal(told, 1);
	assert_int_equal(f->vm.n_resizes, 0);
}

static void the_end_tells_everybody(void **state)
{
	struct fakesandbox *f = *state;
	int told = 0;

	resize_ask(&f->sb, count, &told);
	fakesandbox_turn(f);
	resize_ask(&f->sb, count, &told);
	resize_stop(&f->sb);
	assert_int_equal(told, 2);
	resize_ask(&f->sb, count, &told);
	fakesandbox_turn(f);
	assert_int_equal(told, 3);
	assert_int_equal(f->vm.n_resizes, 0);
}

/* An answer that comes when the end has begun changes nothing. */
static void nothing_grows_in_the_end(void **state)
{
	struct fakesandbox *f = *state;
	int told = 0;

	demand(fakesandbox_add(f, "web", CONTAINER_RUNNING), 200000, 1024);
	resize_ask(&f->sb, count, &told);
	(void)fakesandbox_heard(f);
	f->sb.end = END_STDIO;
	fakesandbox_answer(f, BLOCK);
	assert_int_equal(told, 1);
	assert_int_equal(f->vm.n_resizes, 0);
}

/* nil and 0 leave a figure alone, -1 takes the limit away. */
static void a_demand_is_all_of_it_or_a_part(void **state)
{
	struct oci_cpu cpu = { .cpus = (char *)"0-1" };
	struct oci_memory memory = { .limit = 256 * MIB };
	struct oci_resources all = { .cpu = &cpu, .memory = &memory };
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_RUNNING);

	assert_int_equal(resize_demand(c, NULL), 0);
	assert_null(c->demand.cpuset);
	assert_int_equal(resize_demand(c, &all), 0);
	assert_string_equal(c->demand.cpuset, "0-1");
	assert_ptr_not_equal(c->demand.cpuset, cpu.cpus);
	assert_int_equal(c->demand.memory, 256 * MIB);
	assert_int_equal(resize_demand(c, &(struct oci_resources){ .cpu = &(struct oci_cpu){ .cpus = NULL } }), 0);
	assert_string_equal(c->demand.cpuset, "0-1");
	assert_int_equal(c->demand.memory, 256 * MIB);
	free(c->cpuset);
	c->cpuset = NULL;
}

int test_resize(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_vm_that_fits_stays, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(it_grows_and_shrinks, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(what_was_not_possible_is_no_failure, fakesandbox_setup,
		                                fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(there_is_a_most, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(one_at_a_time, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_fixed_size_is_told_later, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(the_end_tells_everybody, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(nothing_grows_in_the_end, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_demand_is_all_of_it_or_a_part, fakesandbox_setup,
		                                fakesandbox_teardown),
	};

	return cmocka_run_group_tests_name("resize", tests, NULL, NULL);
}
