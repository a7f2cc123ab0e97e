/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/logline.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/jsontext.h"
#include "tests/lib/unit.h"

static void a_line_of_text(void **state)
{
	_autobuf_ struct buf line = BUF_INIT;
	char end[64];

	(void)state;
	assert_int_equal(logline_format(false, "error", "start \"web\":\nno\\thing\t", &line), 0);
	(void)snprintf(end, sizeof(end), " name=kata-runtime pid=%d source=runtime\n", (int)getpid());
	assert_memory_equal(buf_str(&line), "time=\"20", 8);
	assert_non_null(strstr(buf_str(&line), "Z\" level=error msg=\"start \\\"web\\\":\\nno\\\\thing\\x09\" name="));
	assert_string_equal(buf_str(&line) + line.len - strlen(end), end);
}

static void a_line_of_json(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{ "level", "warning" }, { "msg", "a \"b\"\nc" }, { "name", "kata-runtime" }, { "source", "runtime" }
	};
	_autobuf_ struct buf line = BUF_INIT;
	_autojson_ struct json_object *o = NULL;

	(void)state;
	assert_int_equal(logline_format(true, "warning", "a \"b\"\nc", &line), 0);
	assert_ptr_equal(strchr(buf_str(&line), '\n'), buf_str(&line) + line.len - 1);
	o = json_tokener_parse(buf_str(&line));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *member;

		assert_true(json_object_object_get_ex(o, rows[i].key, &member));
		assert_string_equal(json_object_get_string(member), rows[i].value);
	}
}

int test_logline(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_line_of_text), cmocka_unit_test(a_line_of_json) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
