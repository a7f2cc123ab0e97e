/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics/text.h"

#include <errno.h>

#include "tests/lib/unit.h"

static void families_and_samples(void **state)
{
	_autobuf_ struct buf out = BUF_INIT;
	struct metrics m = { .out = &out };

	(void)state;
	metrics_begin(&m, "a", "counter", "Help.");
	metrics_number(&m, UINT64_MAX, NULL);
	metrics_begin(&m, "b", "gauge", "More.");
	metrics_number(&m, 1, "x");
	metrics_sample(&m, "0.25", METRICS_LABELS("disk", "a\"b\\c\nd", "item", "{}"));
	assert_int_equal(m.r, 0);
	assert_string_equal(buf_str(&out), "# HELP a Help.\n# TYPE a counter\na 18446744073709551615\n"
	                                   "# HELP b More.\n# TYPE b gauge\nb{item=\"x\"} 1\n"
	                                   "b{disk=\"a\\\"b\\\\c\\nd\",item=\"{}\"} 0.25\n");
}

static void what_is_no_number_is_left_out(void **state)
{
	static const char *const values[] = { "", "-", "kB", "1kB", ".", "0x1", "nan", "1 2" };
	_autobuf_ struct buf out = BUF_INIT;
	struct metrics m = { .out = &out, .family = "a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		metrics_sample(&m, values[i], NULL);
	assert_string_equal(buf_str(&out), "");
}

static void an_empty_family_is_taken_back(void **state)
{
	_autobuf_ struct buf out = BUF_INIT;
	struct metrics m = { .out = &out };
	size_t start;

	(void)state;
	metrics_begin(&m, "a", "gauge", "Help.");
	metrics_number(&m, 1, NULL);
	metrics_end(&m, 0);
	start = out.len;
	metrics_begin(&m, "b", "gauge", "Help.");
	metrics_end(&m, start);
	assert_string_equal(buf_str(&out), "# HELP a Help.\n# TYPE a gauge\na 1\n");
}

static void too_much_is_remembered(void **state)
{
	_autobuf_ struct buf out = { .max = 40 };
	struct metrics m = { .out = &out };

	(void)state;
	metrics_begin(&m, "a", "gauge", "Help.");
	for (int i = 0; i < 10; i++)
		metrics_number(&m, 1, NULL);
	assert_int_equal(m.r, -EMSGSIZE);
	assert_true(out.len <= 40);
}

int test_text(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_and_samples),
		cmocka_unit_test(what_is_no_number_is_left_out),
		cmocka_unit_test(an_empty_family_is_taken_back),
		cmocka_unit_test(too_much_is_remembered),
	};

	return cmocka_run_group_tests_name("metrics text", tests, NULL, NULL);
}
