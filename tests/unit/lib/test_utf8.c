/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/utf8.h"

#include <string.h>

#include "tests/lib/unit.h"

static const struct {
	const char *text, *cleaned;
} table[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "\xe2\x82\xac", "\xe2\x82\xac" },
	{ "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7" },
	{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
	{ "\xef\xbf\xbf", "\xef\xbf\xbf" },
	/* overlong, surrogate, too large, lone and missing continuation bytes */
	{ "\xc0\x80", "??" },
	{ "\xc1\xbf", "??" },
	{ "\xe0\x80\x80", "???" },
	{ "\xed\xa0\x80", "???" },
	{ "\xf0\x80\x80\x80", "????" },
	{ "\xf4\x90\x80\x80", "????" },
	{ "\xf5\x80\x80\x80", "????" },
	{ "a\x80", "a?" },
	{ "\xe2\x82", "??" },
	{ "\xe2\x82z", "??z" },
	{ "\xff\xfe", "??" },
};

static void valid_is_what_cleaning_leaves_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char copy[16];

		strcpy(copy, table[i].text);
		assert_int_equal(utf8_is_valid(copy, strlen(copy)), strcmp(table[i].text, table[i].cleaned) == 0);
		utf8_clean(copy, strlen(copy));
		assert_string_equal(copy, table[i].cleaned);
		assert_true(utf8_is_valid(copy, strlen(copy)));
	}
}

static void a_character_is_not_read_past_its_end(void **state)
{
	(void)state;
	assert_int_equal(utf8_char_len("\xe2\x82\xac", 3), 3);
	assert_int_equal(utf8_char_len("\xe2\x82\xac", 2), 0);
	assert_int_equal(utf8_char_len("x", 0), 0);
	assert_true(utf8_is_valid("a\0b", 3));
}

static void characters_have_their_code_points(void **state)
{
	(void)state;
	assert_int_equal(utf8_decode("A", 1), 'A');
	assert_int_equal(utf8_decode("\xc3\xbc", 2), 0xfc);
	assert_int_equal(utf8_decode("\xe2\x82\xac", 3), 0x20ac);
	assert_int_equal(utf8_decode("\xf4\x8f\xbf\xbf", 4), 0x10ffff);
}

int test_utf8(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_is_what_cleaning_leaves_alone),
		cmocka_unit_test(a_character_is_not_read_past_its_end),
		cmocka_unit_test(characters_have_their_code_points),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
