/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/values.h"

#include "tests/lib/unit.h"

static void values_are_kept_under_short_names(void **state)
{
	struct values v = { 0 };

	(void)state;
	assert_null(values_get(&v, "cid"));
	assert_int_equal(values_set(&v, "container_id", "a", false), 0);
	assert_int_equal(values_set(&v, "sid", "s", true), 0);
	assert_string_equal(values_get(&v, "cid"), "a");
	assert_string_equal(values_get(&v, "sandbox_id"), "s");
	assert_int_equal(values_set(&v, "CID", "b", false), 0);
	assert_string_equal(values_get(&v, "container_id"), "b");
	assert_int_equal(v.n, 2);
	values_done(&v);
	assert_null(values_get(&v, "cid"));
}

static void what_was_made_can_be_forgotten_alone(void **state)
{
	struct values v = { 0 };

	(void)state;
	assert_int_equal(values_set(&v, "exec_id", "made", true), 0);
	assert_int_equal(values_set(&v, "len", "5", false), 0);
	values_forget(&v, "len", true);
	assert_string_equal(values_get(&v, "len"), "5");
	values_forget(&v, "exec_id", true);
	assert_null(values_get(&v, "exec_id"));
	assert_string_equal(values_get(&v, "len"), "5");
	values_forget(&v, "len", false);
	assert_int_equal(v.n, 0);
	values_forget(&v, "len", false);
	values_done(&v);
}

int test_values(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_kept_under_short_names),
		cmocka_unit_test(what_was_made_can_be_forgotten_alone),
	};

	return cmocka_run_group_tests_name("ctl/values", tests, NULL, NULL);
}
