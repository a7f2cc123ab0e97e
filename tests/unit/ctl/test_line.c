/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/line.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static void a_line_has_a_name_and_a_form(void **state)
{
	static const struct {
		const char *text, *name, *rest;
		enum line_form form;
	} rows[] = {
		{ "Check", "Check", "", LINE_NONE },
		{ "  Check\t\n", "Check", "", LINE_NONE },
		{ "StartContainer cid=a  exec_id=b ", "StartContainer", "cid=a  exec_id=b", LINE_WORDS },
		{ "CreateContainer json://{\"a\": \"http://x\"} ", "CreateContainer", "{\"a\": \"http://x\"}",
		  LINE_JSON },
		{ "CreateContainer json://", "CreateContainer", "", LINE_JSON },
		{ "CreateContainer file:///tmp/a b", "CreateContainer", "/tmp/a b", LINE_FILE },
		{ "CreateContainer spec=file:///tmp/x", "CreateContainer", "spec=file:///tmp/x", LINE_WORDS },
		{ "# Check", "", "", LINE_NONE },
		{ "", "", "", LINE_NONE },
		{ " \n", "", "", LINE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct err err = ERR_INIT;
		struct line line;

		assert_int_equal(line_parse(&line, &arena, rows[i].text, &err), 0);
		assert_string_equal(line.name, rows[i].name);
		assert_string_equal(line.rest, rows[i].rest);
		assert_int_equal(line.form, rows[i].form);
	}
}

static void what_is_no_text_is_refused(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct err err = ERR_INIT;
	struct line line;

	(void)state;
	assert_int_equal(line_parse(&line, &arena, "echo \xff", &err), -EINVAL);
	assert_string_equal(err_text(&err), "a command is no UTF-8 text");
}

static void pairs_are_split_at_white_space(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct err err = ERR_INIT;
	struct line_pair *pairs;
	size_t n;

	(void)state;
	assert_int_equal(line_parse_pairs(" a=1\tb==x  c=", &arena, &pairs, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_string_equal(pairs[0].name, "a");
	assert_string_equal(pairs[0].value, "1");
	assert_string_equal(pairs[1].value, "=x");
	assert_string_equal(pairs[2].name, "c");
	assert_string_equal(pairs[2].value, "");
	assert_int_equal(line_parse_pairs("", &arena, &pairs, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(line_parse_pairs("a=1 b", &arena, &pairs, &n, &err), -EINVAL);
	assert_non_null(strstr(err_text(&err), "'b' is neither NAME=VALUE"));
	assert_int_equal(line_parse_pairs("=1", &arena, &pairs, &n, &err), -EINVAL);
}

static void a_path_may_have_a_scheme(void **state)
{
	(void)state;
	assert_string_equal(line_path("file:///tmp/x"), "/tmp/x");
	assert_string_equal(line_path("/tmp/x"), "/tmp/x");
}

int test_line(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_a_name_and_a_form),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(pairs_are_split_at_white_space),
		cmocka_unit_test(a_path_may_have_a_scheme),
	};

	return cmocka_run_group_tests_name("ctl/line", tests, NULL, NULL);
}
