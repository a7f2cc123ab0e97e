/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics/collect.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static void every_family_once_and_in_order(void **state)
{
	static const char *const families[] = {
		"kata_agent_scrape_count", "kata_agent_threads",     "kata_agent_total_time", "kata_agent_total_vm",
		"kata_agent_total_rss",    "kata_agent_proc_status", "kata_agent_io_stat",    "kata_agent_proc_stat",
		"kata_guest_load",         "kata_guest_tasks",       "kata_guest_cpu_time",   "kata_guest_vm_stat",
		"kata_guest_netdev_stat",  "kata_guest_diskstat",    "kata_guest_meminfo",
	};
	_autobuf_ struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	const char *p;

	(void)state;
	assert_int_equal(metrics_collect(getpid(), 7, &out, &err), 0);
	assert_non_null(strstr(buf_str(&out), "\nkata_agent_scrape_count 7\n"));
	assert_non_null(strstr(buf_str(&out), "\nkata_agent_threads 1\n"));
	p = buf_str(&out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		_autobuf_ struct buf type = BUF_INIT;

		assert_int_equal(buf_printf(&type, "# TYPE %s ", families[i]), 0);
		p = strstr(p, buf_str(&type));
		assert_non_null(p);
		assert_null(strstr(p + 1, buf_str(&type)));
	}
}

static void a_ceiling_is_an_error(void **state)
{
	_autobuf_ struct buf out = { .max = 1000 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(metrics_collect(getpid(), 1, &out, &err), -EMSGSIZE);
	assert_non_null(strstr(err.text, "write 'kata_agent_"));
}

int test_collect(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_family_once_and_in_order),
		cmocka_unit_test(a_ceiling_is_an_error),
	};

	return cmocka_run_group_tests_name("metrics collect", tests, NULL, NULL);
}
