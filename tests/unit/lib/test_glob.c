/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/glob.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "tests/lib/unit.h"

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} table[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "a", "", false },
		{ "abc", "abc", true },
		{ "abc", "abcd", false },
		{ "a?c", "abc", true },
		{ "a?c", "a/c", false },
		{ "?", "", false },
		{ "*", "", true },
		{ "*", "abc", true },
		{ "*", "a/b", false },
		{ "**", "a/b", true },
		{ "**", "", true },
		{ "/run/*/x", "/run/web/x", true },
		{ "/run/*/x", "/run/web/y/x", false },
		{ "/run/**/x", "/run/web/y/x", true },
		{ "/run/**", "/run/", true },
		{ "/run/**", "/ru", false },
		{ "a*b*c", "aXXbYYbZZc", true },
		{ "a*b*c", "aXXbYYbZZ", false },
		{ "**b*c", "x/b/b-c", true },
		{ "**b*c", "x/b/b-/c", false },
		{ "*.json", "a.json.json", true },
		{ "Get*", "GetMetrics", true },
		{ "Get*", "SetPolicy", false },
		{ "***", "a/b", true },
		{ "*a", "aaaaaaaaab", false },
		{ "[ab]", "a", false },
		{ "[ab]", "[ab]", true },
		{ "\\*", "\\x", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (glob_match(table[i].pattern, table[i].text) != table[i].matches)
			fail_msg("'%s' and '%s'", table[i].pattern, table[i].text);
}

static void long_texts_match_nothing(void **state)
{
	char text[GLOB_TEXT_MAX + 2];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[GLOB_TEXT_MAX] = '\0';
	assert_true(glob_match("*", text));
	assert_false(glob_match("**a**a*a*a*a*b", text));
	text[GLOB_TEXT_MAX] = 'a';
	text[GLOB_TEXT_MAX + 1] = '\0';
	assert_false(glob_match("*", text));
}

int test_glob(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(long_texts_match_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
