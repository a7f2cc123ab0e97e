/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/pinning.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static struct sizing_cpus set_of(const char *list)
{
	struct sizing_cpus set = { .bits = { 0 } };

	sizing_add_cpus(&set, list);
	return set;
}

static void one_each_or_all(void **state)
{
	static const struct {
		const char *set;
		size_t n, i;
		const char *want;
	} rows[] = {
		{ "3,9-10", 3, 0, "3" },
		{ "3,9-10", 3, 1, "9" },
		{ "3,9-10", 3, 2, "10" },
		{ "3,9-10", 2, 0, "3,9-10" },
		{ "3,9-10", 4, 3, "3,9-10" },
		{ "4095", 1, 0, "4095" },
		{ "", 1, 0, "" },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		const struct sizing_cpus set = set_of(rows[k].set), want = set_of(rows[k].want);
		struct sizing_cpus got;

		pinning_find(&set, rows[k].n, rows[k].i, &got);
		assert_memory_equal(got.bits, want.bits, sizeof(got.bits));
	}
}

/* We have no threads of that name, so nothing happens; who has gone is named. */
static void only_guests_threads_are_moved(void **state)
{
	const struct sizing_cpus nowhere = set_of("4095");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(pinning_apply(getpid(), &nowhere, &err), 0);
	assert_int_equal(pinning_apply(-5, &nowhere, &err), -ENOENT);
	assert_non_null(strstr(err.text, "list the threads of process -5"));
}

int test_pinning(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_each_or_all),
		cmocka_unit_test(only_guests_threads_are_moved),
	};

	return cmocka_run_group_tests_name("pinning", tests, NULL, NULL);
}
