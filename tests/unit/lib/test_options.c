/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/options.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

#define MAX_ARGS 24

struct values {
	bool flag, tty;
	const char *text;
	struct option_list list;
	struct option_number number, bytes;
	unsigned seconds;
	struct err err;
	char *argv[MAX_ARGS];
	int operands;
};

/* Splits the line at spaces and parses it; the strings stay in `line`. */
static int parse(struct values *v, char *line, bool stop)
{
	const struct option_spec a[] = {
		{ OPTION_FLAG, 'f', "flag", NULL, &v->flag, "" },
		{ OPTION_FLAG, 't', "tty", NULL, &v->tty, "" },
		{ OPTION_TEXT, 'x', "text", "TEXT", &v->text, "" },
		{ OPTION_LIST, 0, "env", "K=V", &v->list, "" },
		{ .kind = OPTION_END },
	};
	const struct option_spec b[] = {
		{ OPTION_NUMBER, 0, "number", "number", &v->number, "" },
		{ OPTION_BYTES, 0, "bytes", "size", &v->bytes, "" },
		{ OPTION_SECONDS, 0, "timeout", "time", &v->seconds, "" },
		{ .kind = OPTION_END },
	};
	int n = 0;

	*v = (struct values){ .operands = -1 };
	for (char *word = strtok(line, " "); word && n < MAX_ARGS; word = strtok(NULL, " "))
		v->argv[n++] = word;
	return options_parse(a, b, stop, n, v->argv, &v->operands, &v->err);
}

static void values_reach_their_places(void **state)
{
	char line[] = "one -ft --text=a --env A=1 --env B=2 --number -1 --bytes 5M --timeout 1.5 two -- --flag";
	struct values v;

	(void)state;
	assert_int_equal(parse(&v, line, false), OPTION_OK);
	assert_true(v.flag && v.tty);
	assert_string_equal(v.text, "a");
	assert_int_equal(v.list.n, 2);
	assert_string_equal(v.list.v[1], "B=2");
	assert_true(v.number.is_set);
	assert_int_equal(v.number.value, -1);
	assert_int_equal(v.bytes.value, 5 << 20);
	assert_int_equal(v.seconds, 1500);
	assert_int_equal(v.operands, 3);
	assert_string_equal(v.argv[0], "one");
	assert_string_equal(v.argv[1], "two");
	assert_string_equal(v.argv[2], "--flag");
	option_list_done(&v.list);
}

static void the_first_operand_may_end_the_options(void **state)
{
	char line[] = "-x1 cid ls -f --nothing";
	struct values v;

	(void)state;
	assert_int_equal(parse(&v, line, true), OPTION_OK);
	assert_string_equal(v.text, "1");
	assert_false(v.flag);
	assert_int_equal(v.operands, 4);
	assert_string_equal(v.argv[3], "--nothing");
}

static void mistakes_are_one_line(void **state)
{
	static const struct {
		const char *line, *expected;
	} rows[] = {
		{ "--nothing", "unknown option '--nothing'" },
		{ "-q", "unknown option '-q'" },
		{ "-fq", "unknown option '-q'" },
		{ "--flag=1", "option '--flag' takes no value" },
		{ "--text", "option '--text' needs a value (TEXT)" },
		{ "--number 12x", "option '--number': '12x' is no number" },
		{ "--number -2", "option '--number': '-2' is no number" },
		{ "--number 99999999999999999999", "option '--number': '99999999999999999999' is no number" },
		{ "--bytes 1X", "option '--bytes': '1X' is no size" },
		{ "--bytes 9999999999G", "option '--bytes': '9999999999G' is no size" },
		{ "--timeout -1", "option '--timeout': '-1' is no time" },
		{ "--timeout 1e9", "option '--timeout': '1e9' is no time" },
	};
	struct values v;
	char line[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)strcpy(line, rows[i].line);
		assert_int_equal(parse(&v, line, false), -EINVAL);
		assert_string_equal(v.err.text, rows[i].expected);
	}
}

static void help_is_seen_everywhere(void **state)
{
	char longer[] = "one --help", shorter[] = "-h", behind[] = "cid -- --help";
	struct values v;

	(void)state;
	assert_int_equal(parse(&v, longer, false), OPTION_HELP);
	assert_int_equal(parse(&v, shorter, false), OPTION_HELP);
	assert_int_equal(parse(&v, behind, false), OPTION_OK);
}

int test_options(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_reach_their_places),
		cmocka_unit_test(the_first_operand_may_end_the_options),
		cmocka_unit_test(mistakes_are_one_line),
		cmocka_unit_test(help_is_seen_everywhere),
	};

	return cmocka_run_group_tests_name("lib/options", tests, NULL, NULL);
}
