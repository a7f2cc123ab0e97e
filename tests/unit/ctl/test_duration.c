/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/duration.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

#define SECOND UINT64_C(1000000000)

static void spans_are_understood(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} rows[] = {
		{ "99ns", 99 },
		{ "30us", 30000 },
		{ "2ms", 2000000 },
		{ "5s", 5 * SECOND },
		{ "7m", 420 * SECOND },
		{ "0", 0 },
		{ "1m 30s", 90 * SECOND },
		{ "1h1ms", 3600 * SECOND + 1000000 },
		{ " 2 hours ", 7200 * SECOND },
		{ "1day", 86400 * SECOND },
		{ "10sec", 10 * SECOND },
	};
	struct err err = ERR_INIT;
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ns = 1;
		assert_int_equal(duration_parse(rows[i].text, false, &ns, &err), 0);
		assert_true(ns == rows[i].ns);
	}
	assert_int_equal(duration_parse("1500", true, &ns, &err), 0);
	assert_true(ns == 1500);
}

static void nonsense_is_refused_by_name(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "'' is no span of time" },
		{ "s", "'s' is no span" },
		{ "-5s", "'-5s' is no span" },
		{ "5", "'5' lacks a unit" },
		{ "5s 3", "'5s 3' lacks a unit" },
		{ "5x", "unknown unit 'x'" },
		{ "5s!", "'5s!' is no span" },
		{ "1.5s", "lacks a unit" },
		{ "99999999999999999999s", "too long" },
		{ "18446744073s 999999999999999d", "too long" },
		{ "18446744073709551615ns 1ns", "too long" },
	};
	uint64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(duration_parse(rows[i].text, false, &ns, &err), -EINVAL);
		if (!strstr(err_text(&err), rows[i].why))
			fail_msg("'%s': %s", rows[i].text, err_text(&err));
		assert_int_equal(ns, 42);
	}
}

int test_duration(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_are_understood),
		cmocka_unit_test(nonsense_is_refused_by_name),
	};

	return cmocka_run_group_tests_name("ctl/duration", tests, NULL, NULL);
}
