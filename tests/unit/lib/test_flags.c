/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/flags.h"
#include "lib/mem.h"
#include "tests/lib/unit.h"

struct values {
	bool on;
	const char *text;
	struct flag_list list;
	struct flag_number number;
};

static const struct flag table[] = {
	{ "on", 'o', FLAG_BOOL, offsetof(struct values, on), "a flag" },
	{ "text", 't', FLAG_TEXT, offsetof(struct values, text), "a text" },
	{ "list", 'l', FLAG_LIST, offsetof(struct values, list), "a list" },
	{ "number", 0, FLAG_NUMBER, offsetof(struct values, number), "a number" },
	{ 0 },
};

/* Words are parted by blanks; the result as one text. */
static const char *parse(const char *words, bool stop)
{
	static char out[256];
	struct values v = { 0 };
	struct err err = ERR_INIT;
	char copy[256], *argv[32];
	int argc = 0, n = 0;

	(void)snprintf(copy, sizeof(copy), "%s", words);
	for (char *save = NULL, *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	if (flags_parse(table, &v, stop, &argc, argv, &err) < 0) {
		(void)snprintf(out, sizeof(out), "%s", err.text);
		flag_list_done(&v.list);
		return out;
	}
	n = snprintf(out, sizeof(out), "%d %s %zu:%s %d:%d", v.on, v.text ? v.text : "-", v.list.n,
	             v.list.n > 0 ? v.list.v[v.list.n - 1] : "-", v.number.is_set, (int)v.number.value);
	for (int i = 0; i < argc; i++)
		n += snprintf(out + n, sizeof(out) - (size_t)n, " [%s]", argv[i]);
	flag_list_done(&v.list);
	return out;
}

static void as_go_writes_them(void **state)
{
	static const struct {
		const char *words;
		bool stop;
		const char *want;
	} cases[] = {
		{ "", false, "0 - 0:- 0:0" },
		{ "--on a", false, "1 - 0:- 0:0 [a]" },
		{ "a --on b", false, "1 - 0:- 0:0 [a] [b]" },
		{ "a --on b", true, "0 - 0:- 0:0 [a] [--on] [b]" },
		{ "-on -text x", false, "1 x 0:- 0:0" },
		{ "--on=false", false, "0 - 0:- 0:0" },
		{ "--on=true --text= a", false, "1  0:- 0:0 [a]" },
		{ "--text=a=b -l x -l y", false, "0 a=b 2:y 0:0" },
		{ "-o -t x", false, "1 x 0:- 0:0" },
		{ "--number -1", false, "0 - 0:- 1:-1" },
		{ "--number=7 -- --on", false, "0 - 0:- 1:7 [--on]" },
		{ "-", false, "0 - 0:- 0:0 [-]" },
		{ "--foo", false, "flag provided but not defined: -foo" },
		{ "--foo=1", false, "flag provided but not defined: -foo" },
		{ "-ox", false, "flag provided but not defined: -ox" },
		{ "--text", false, "flag needs an argument: -text" },
		{ "--number x", false, "flag --number: value 'x': Invalid argument" },
		{ "--number 9999999999999999999", false,
		  "flag --number: value '9999999999999999999': Invalid argument" },
		{ "--on=maybe", false, "flag --on: value 'maybe': Invalid argument" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(parse(cases[i].words, cases[i].stop), cases[i].want);
}

static void lists_end(void **state)
{
	static char word[] = "-l", value[] = "x", *argv[2 * (FLAG_LIST_MAX + 1)];
	int argc = (int)ARRAY_SIZE(argv);
	struct values v = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
		argv[i] = i % 2 ? value : word;
	assert_int_equal(flags_parse(table, &v, false, &argc, argv, NULL), -E2BIG);
	assert_int_equal(v.list.n, FLAG_LIST_MAX);
	flag_list_done(&v.list);
}

static void intervals(void **state)
{
	static const struct {
		const char *text;
		int r, ms;
	} cases[] = { { "5s", 0, 5000 },  { "500ms", 0, 500 }, { "1.5m", 0, 90000 }, { "24h", 0, 86400000 },
		      { "0s", -EINVAL },  { "25h", -EINVAL },  { "5", -EINVAL },     { "s", -EINVAL },
		      { "-1s", -EINVAL }, { "nans", -EINVAL }, { "", -EINVAL } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int ms = 0;

		assert_int_equal(flag_parse_interval(cases[i].text, &ms), cases[i].r);
		assert_int_equal(ms, cases[i].ms);
	}
}

int test_flags(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intervals),
		cmocka_unit_test(as_go_writes_them),
		cmocka_unit_test(lists_end),
	};

	return cmocka_run_group_tests_name("flags", tests, NULL, NULL);
}
