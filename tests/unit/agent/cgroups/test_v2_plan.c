/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v2_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

#define GIB (1LL << 30)

static const struct cgroup_v2_now fresh = CGROUP_V2_NEW;

/* Plans and compares with the golden text; with `expected` NULL the plan must fail with EINVAL and this reason. */
static void check(const struct oci_resources *res, const struct cgroup_v2_now *now, const char *expected,
                  const char *reason)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf out = BUF_INIT;
	struct step_list steps = { 0 };
	struct err err = ERR_INIT;
	int r = cgroup_v2_plan(&arena, res, now, &steps, &err);

	if (!expected) {
		assert_int_equal(r, -EINVAL);
		assert_non_null(strstr(err_text(&err), reason));
		return;
	}
	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
	assert_int_equal(step_list_print(&steps, &out), 0);
	assert_string_equal(buf_str(&out), expected);
}

static void nothing_asked_is_nothing_planned(void **state)
{
	struct oci_resources empty = { 0 };

	(void)state;
	check(NULL, &fresh, "", NULL);
	check(&empty, &fresh, "", NULL);
}

static void cpu_is_converted(void **state)
{
	static const struct {
		struct oci_cpu cpu;
		const char *expected;
	} rows[] = {
		{ { .shares = 1024 }, "write target=cpu.weight data=39\n" },
		{ { .shares = 2 }, "write target=cpu.weight data=1\n" },
		{ { .shares = 1 }, "write target=cpu.weight data=1\n" },
		{ { .shares = 262144 }, "write target=cpu.weight data=10000\n" },
		{ { .shares = UINT64_MAX }, "write target=cpu.weight data=10000\n" },
		{ { .quota = 50000, .period = 100000 }, "write target=cpu.max data=50000 100000\n" },
		{ { .quota = 50000 }, "write target=cpu.max data=50000 100000\n" },
		{ { .quota = -1 }, "try target=cpu.max data=max 100000\n" },
		{ { .period = 20000 }, "try target=cpu.max data=max 20000\n" },
		{ { .cpus = (char *)"0-1", .mems = (char *)"0" },
		  "write target=cpuset.cpus data=0-1\nwrite target=cpuset.mems data=0\n" },
		{ { .cpus = (char *)"", .realtime_period = 5 }, "ignore target=cpu.rt\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_cpu cpu = rows[i].cpu;
		struct oci_resources res = { .cpu = &cpu };

		check(&res, &fresh, rows[i].expected, NULL);
	}
}

static void memory_is_converted(void **state)
{
	static const struct {
		struct oci_memory memory;
		const char *expected, *reason;
	} rows[] = {
		{ { .limit = GIB }, "write target=memory.max data=1073741824\n", NULL },
		{ { .limit = -1 }, "try target=memory.swap.max data=max\ntry target=memory.max data=max\n", NULL },
		{ { .limit = GIB, .swap = 2 * GIB },
		  "write target=memory.max data=1073741824\nwrite target=memory.swap.max data=1073741824\n",
		  NULL },
		{ { .limit = GIB, .swap = GIB },
		  "write target=memory.max data=1073741824\ntry target=memory.swap.max data=0\n",
		  NULL },
		{ { .limit = GIB, .swap = -1 },
		  "try target=memory.swap.max data=max\nwrite target=memory.max data=1073741824\n",
		  NULL },
		{ { .swap = -1 }, "try target=memory.swap.max data=max\n", NULL },
		{ { .reservation = 4096 }, "write target=memory.low data=4096\n", NULL },
		{ { .reservation = -1 }, "try target=memory.low data=max\n", NULL },
		{ { .has_swappiness = true, .kernel = 5, .kernel_tcp = 6, .disable_oom_killer = true },
		  "ignore target=memory.swappiness\nignore target=memory.kmem\nignore target=memory.oom_control\n",
		  NULL },
		{ { .limit = 2 * GIB, .swap = GIB }, NULL, "is below the memory limit" },
		{ { .swap = GIB }, NULL, "without a memory limit" },
		{ { .limit = -1, .swap = GIB }, NULL, "without a memory limit" },
		{ { .limit = -2 }, NULL, "memory limit '-2'" },
		{ { .limit = GIB, .swap = -3 }, NULL, "swap limit '-3'" },
		{ { .reservation = INT64_MIN }, NULL, "memory reservation limit" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_memory memory = rows[i].memory;
		struct oci_resources res = { .memory = &memory };

		check(&res, &fresh, rows[i].expected, rows[i].reason);
	}
}

static void update_orders_swap_by_what_is_there(void **state)
{
	struct cgroup_v2_now now = { .memory_max = GIB, .swap_max = GIB, .quota = 50000, .period = 25000 };
	struct oci_memory more = { .limit = 2 * GIB, .swap = 4 * GIB };
	struct oci_memory less = { .limit = GIB / 2, .swap = GIB };
	struct oci_memory swap_alone = { .swap = GIB + 4096 };
	struct oci_cpu period = { .period = 50000 }, quota = { .quota = 1000 };
	struct oci_resources res = { .memory = &more };

	(void)state;
	check(&res, &now, "write target=memory.swap.max data=2147483648\nwrite target=memory.max data=2147483648\n",
	      NULL);
	res.memory = &less;
	check(&res, &now, "write target=memory.max data=536870912\nwrite target=memory.swap.max data=536870912\n",
	      NULL);
	res.memory = &swap_alone;
	check(&res, &now, "write target=memory.swap.max data=4096\n", NULL);
	res.memory = NULL;
	res.cpu = &period;
	check(&res, &now, "write target=cpu.max data=50000 50000\n", NULL);
	res.cpu = &quota;
	check(&res, &now, "write target=cpu.max data=1000 25000\n", NULL);
}

static void pids_and_hugepages(void **state)
{
	struct oci_hugepage_limit pages[] = { { (char *)"2MB", 4194304 }, { (char *)"1GB", 0 } };
	struct oci_hugepage_limit bad = { (char *)"../x/2MB", 1 };
	struct oci_resources res = { .has_pids = true, .pids_limit = 100, .hugepages = pages, .n_hugepages = 2 };

	(void)state;
	check(&res, &fresh,
	      "write target=pids.max data=100\n"
	      "write target=hugetlb.2MB.max data=4194304\ntry target=hugetlb.2MB.rsvd.max data=4194304\n"
	      "try target=hugetlb.1GB.max data=0\ntry target=hugetlb.1GB.rsvd.max data=0\n",
	      NULL);
	res.n_hugepages = 0;
	res.pids_limit = 0;
	check(&res, &fresh, "try target=pids.max data=max\n", NULL);
	res.pids_limit = -1;
	check(&res, &fresh, "try target=pids.max data=max\n", NULL);
	res.hugepages = &bad;
	res.n_hugepages = 1;
	check(&res, &fresh, NULL, "page size '../x/2MB'");
}

static void io_is_converted(void **state)
{
	struct oci_weight_device device = { .major = 8, .minor = 16, .weight = 10, .leaf_weight = 20 };
	struct oci_throttle_device rate = { .major = 8, .minor = 0, .rate = 1048576 }, none = { .major = 8 };
	struct oci_block_io io = { .weight = 1000,
		                   .weight_devices = &device,
		                   .n_weight_devices = 1,
		                   .read_bps = { &rate, 1 },
		                   .write_bps = { &rate, 1 },
		                   .read_iops = { &rate, 1 },
		                   .write_iops = { &none, 1 } };
	struct oci_block_io bad = { .weight = 9 };
	struct oci_resources res = { .block_io = &io };

	(void)state;
	check(&res, &fresh,
	      "try target=io.bfq.weight data=1000\nelse target=io.weight data=10000\n"
	      "try target=io.bfq.weight data=8:16 10\nelse target=io.weight data=8:16 1\n"
	      "write target=io.max data=8:0 rbps=1048576\nwrite target=io.max data=8:0 wbps=1048576\n"
	      "write target=io.max data=8:0 riops=1048576\ntry target=io.max data=8:0 wiops=max\n"
	      "ignore target=blkio.leaf_weight\n",
	      NULL);
	res.block_io = &bad;
	check(&res, &fresh, NULL, "weight '9'");
}

static void unified_is_verbatim_but_stays_in_the_cgroup(void **state)
{
	static const char *const bad[] = { "", ".", "..", "../cgroup.procs", "/x", "a/b" };
	struct oci_pair pair = { (char *)"memory.high", (char *)"10M" };
	struct oci_resources res = { .unified = { &pair, 1 } };

	(void)state;
	check(&res, &fresh, "write target=memory.high data=10M\n", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		pair.key = (char *)bad[i];
		check(&res, &fresh, NULL, "is not a file name");
	}
}

/* A directory with files in place of a cgroup. */
static int make_dir(char *path, const char *file)
{
	int dir;

	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	if (file)
		assert_int_equal(close(openat(dir, file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	return dir;
}

static void apply(int dir, const struct oci_resources *res, const char *busy, int expected, struct err *err)
{
	_autoarena_ struct arena arena = { 0 };
	struct step_list steps = { 0 };
	struct cgroup_v2_target target = { .dir = dir, .path = "/x", .busy = busy };

	assert_int_equal(cgroup_v2_plan(&arena, res, &fresh, &steps, err), 0);
	assert_int_equal(step_list_apply(&steps, &target, NULL, err), expected);
}

static void missing_controllers_are_said_in_words(void **state)
{
	char path[] = "/tmp/v2-plan-XXXXXX";
	_autoclose_ int dir = make_dir(path, NULL);
	struct oci_memory memory = { .limit = GIB }, none = { .limit = -1, .has_swappiness = true };
	struct oci_resources res = { .memory = &memory };
	struct err err = ERR_INIT;

	(void)state;
	apply(dir, &res, NULL, -ENOENT, &err);
	assert_string_equal(err.text, "set memory.max of cgroup '/x': the controller is not enabled");
	apply(dir, &res, "/", -ENOENT, &err);
	assert_string_equal(err.text, "set memory.max of cgroup '/x': the controller is not enabled, because processes "
	                              "sit in cgroup '/'");
	res.memory = &none;
	apply(dir, &res, NULL, 0, &err);
	assert_int_equal(rmdir(path), 0);
}

static void weight_goes_to_the_file_that_is_there(void **state)
{
	static const struct {
		const char *file, *content;
		int r;
	} rows[] = { { "io.bfq.weight", "10", 0 }, { "io.weight", "1", 0 }, { NULL, NULL, -ENOENT } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char path[] = "/tmp/v2-plan-XXXXXX";
		_autoclose_ int dir = make_dir(path, rows[i].file);
		_autofree_ char *text = NULL;
		struct oci_block_io io = { .weight = 10 };
		struct oci_resources res = { .block_io = &io };
		struct err err = ERR_INIT;

		apply(dir, &res, NULL, rows[i].r, &err);
		if (rows[i].file) {
			assert_int_equal(fd_read_file_at(dir, rows[i].file, 100, &text, NULL), 0);
			assert_string_equal(text, rows[i].content);
			assert_int_equal(unlinkat(dir, rows[i].file, 0), 0);
		}
		assert_int_equal(rmdir(path), 0);
	}
}

static void now_is_read_and_absent_files_mean_none(void **state)
{
	char path[] = "/tmp/v2-plan-XXXXXX";
	_autoclose_ int dir = make_dir(path, "cpu.max");
	struct cgroup_v2_now now;

	(void)state;
	cgroup_v2_read_now(dir, &now);
	assert_memory_equal(&now, &fresh, sizeof(now));
	assert_int_equal(fd_write_file_at(dir, "cpu.max", "max 20000\n"), 0);
	cgroup_v2_read_now(dir, &now);
	assert_true(now.quota == UINT64_MAX);
	assert_int_equal(now.period, 20000);
	assert_int_equal(fd_write_file_at(dir, "cpu.max", "5000 100000\n"), 0);
	cgroup_v2_read_now(dir, &now);
	assert_int_equal(now.quota, 5000);
	assert_int_equal(now.period, 100000);
	assert_int_equal(unlinkat(dir, "cpu.max", 0), 0);
	assert_int_equal(rmdir(path), 0);
}

int test_v2_plan(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_is_nothing_planned),
		cmocka_unit_test(cpu_is_converted),
		cmocka_unit_test(memory_is_converted),
		cmocka_unit_test(update_orders_swap_by_what_is_there),
		cmocka_unit_test(pids_and_hugepages),
		cmocka_unit_test(io_is_converted),
		cmocka_unit_test(unified_is_verbatim_but_stays_in_the_cgroup),
		cmocka_unit_test(missing_controllers_are_said_in_words),
		cmocka_unit_test(weight_goes_to_the_file_that_is_there),
		cmocka_unit_test(now_is_read_and_absent_files_mean_none),
	};

	return cmocka_run_group_tests_name("v2_plan", tests, NULL, NULL);
}
