/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/jsontext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static const struct {
	const char *json, *expected;
} strings[] = {
	{ "\"\"", "" },
	{ " \"plain\" ", "plain" },
	{ "\"gr\xc3\xbc\xc3\x9f Gott\"", "gr\xc3\xbc\xc3\x9f Gott" },
	{ "\"\xe2\x82\xac\"", "\xe2\x82\xac" },
	{ "\"\xef\xbf\xbf\"", "\xef\xbf\xbf" },
	{ "\"\xf0\x90\x80\x80\"", "\xf0\x90\x80\x80" },
	{ "\"a\xf0\x9f\x90\xa7z\"", "a\xf0\x9f\x90\xa7z" },
	{ "\"\xf4\x8f\xbf\xbf\"", "\xf4\x8f\xbf\xbf" },
	/* behind an escape, behind an escaped backslash, and escapes of the text's own */
	{ "\"\\n\xc3\xbc\"", "\n\xc3\xbc" },
	{ "\"\\\\\xc3\xbc\"", "\\\xc3\xbc" },
	{ "\"\\u00fc\xc3\xbc\\ud83d\\udc27\"", "\xc3\xbc\xc3\xbc\xf0\x9f\x90\xa7" },
};

static void strings_keep_their_characters(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		_autojson_ struct json_object *value = NULL;
		struct jsontext_path path = { 0 };
		const char *text;

		assert_int_equal(jsontext_parse(strings[i].json, strlen(strings[i].json), &value, NULL), 0);
		assert_int_equal(jsontext_string(&path, value, &text, NULL), 0);
		assert_string_equal(text, strings[i].expected);
	}
}

static void names_keep_their_characters(void **state)
{
	const char *text = "{\"\xc3\xbc\": [\"\xe2\x82\xac\", 1]}";
	_autojson_ struct json_object *value = NULL;
	struct json_object *list;

	(void)state;
	assert_int_equal(jsontext_parse(text, strlen(text), &value, NULL), 0);
	assert_true(json_object_object_get_ex(value, "\xc3\xbc", &list));
	assert_string_equal(json_object_get_string(json_object_array_get_idx(list, 0)), "\xe2\x82\xac");
}

static const struct {
	const char *json, *expected;
} refused[] = {
	{ "", "parse JSON: the text ends too early, after 0 bytes" },
	{ "{\"a\": \"\xc3\xbc", "parse JSON: the text ends too early, after 9 bytes" },
	{ "\"\xc3\"", "parse JSON: invalid UTF-8" },
	{ "\"\xed\xa0\x80\"", "parse JSON: invalid UTF-8" },
	{ "[1,]", "parse JSON: unexpected character at byte 3" },
	{ "['a']", "parse JSON: unexpected character at byte 1" },
	{ "[\"\xc3\xbc\", x]", "parse JSON: unexpected character at byte 7" },
	{ "[\xc3\xbc]", "parse JSON: unexpected character at byte 1" },
	{ "\xc3\xbc", "parse JSON: unexpected character at byte 0" },
	/* an escape of this character, not the character behind a backslash */
	{ "\"\\\xc3\xbc\"", "parse JSON: invalid string sequence at byte 2" },
	{ "\"\\u00\xc3\xbc\"", "parse JSON: invalid string sequence at byte 5" },
	{ "{} \xc3\xbc", "parse JSON: unexpected data at byte 3" },
	{ "{}{}", "parse JSON: unexpected character at byte 2" },
};

static void errors_name_the_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		_autojson_ struct json_object *value = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(jsontext_parse(refused[i].json, strlen(refused[i].json), &value, &err), -EINVAL);
		assert_string_equal(err.text, refused[i].expected);
		assert_null(value);
	}
}

static void depth_ends(void **state)
{
	_autojson_ struct json_object *value = NULL;
	char text[2 * JSONTEXT_DEPTH_MAX + 3] = "";

	(void)state;
	memset(text, '[', JSONTEXT_DEPTH_MAX);
	memset(text + JSONTEXT_DEPTH_MAX, ']', JSONTEXT_DEPTH_MAX);
	assert_int_equal(jsontext_parse(text, strlen(text), &value, NULL), 0);
	(void)json_object_put(take_ptr(&value));
	memset(text, '[', JSONTEXT_DEPTH_MAX + 1);
	memset(text + JSONTEXT_DEPTH_MAX + 1, ']', JSONTEXT_DEPTH_MAX + 1);
	assert_int_equal(jsontext_parse(text, strlen(text), &value, NULL), -EINVAL);
}

static void members_have_a_default(void **state)
{
	static const char text[] = "{\"a\": \"b\", \"n\": 7, \"o\": {\"x\": null}}";
	_autojson_ struct json_object *object = NULL;

	(void)state;
	assert_int_equal(jsontext_parse(text, strlen(text), &object, NULL), 0);
	assert_string_equal(jsontext_text(object, "a"), "b");
	assert_string_equal(jsontext_text(object, "n"), "");
	assert_string_equal(jsontext_text(jsontext_member(object, "o"), "x"), "");
	assert_string_equal(jsontext_text(jsontext_member(object, "none"), "x"), "");
	assert_int_equal(jsontext_number(object, "n"), 7);
	assert_int_equal(jsontext_number(object, "o"), 0);
	assert_int_equal(jsontext_number(NULL, "n"), 0);
	assert_null(jsontext_member(NULL, "a"));
}

int test_jsontext(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_keep_their_characters), cmocka_unit_test(names_keep_their_characters),
		cmocka_unit_test(errors_name_the_place),         cmocka_unit_test(depth_ends),
		cmocka_unit_test(members_have_a_default),
	};

	return cmocka_run_group_tests_name("jsontext", tests, NULL, NULL);
}
