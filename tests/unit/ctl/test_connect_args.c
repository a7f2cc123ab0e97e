/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/connect_args.h"

#include <string.h>

#include "lib/buf.h"
#include "tests/lib/unit.h"

#define WORDS_MAX 32

/* Both spellings that scripts have, word by word; '+' stands between words. */
static void words_come_out_as_options_want_them(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "-c+A", "-c+A" },
		{ "-c+A+B+C", "-c+A+--cmd+B+--cmd+C" },
		{ "-c+A+-c+B+C+-n", "-c+A+-c+B+--cmd+C+-n" },
		{ "--cmd=A+B", "--cmd=A+--cmd+B" },
		{ "-cA+B", "-cA+--cmd+B" },
		{ "-c+-1+A", "-c+-1+--cmd+A" },
		{ "-c", "-c" },
		{ "-n+true+-c+A", "-n+-c+A" },
		{ "-n+false+-c+A", "-c+A" },
		{ "-i+whatever", "-i" },
		{ "-n=true+-c+A", "-n+-c+A" },
		{ "-n=false+-c+A", "-c+A" },
		{ "-in=no+x", "-i+x" },
		{ "-c=A+B", "-cA+--cmd+B" },
		{ "-l=debug", "-ldebug" },
		{ "-c=+A", "-c+A" },
		{ "--hybrid-vsock+yes+--ignore-errors+-c+A", "--hybrid-vsock+--ignore-errors+-c+A" },
		{ "--hybrid-vsock=true+-c+A", "--hybrid-vsock+-c+A" },
		{ "--ignore-errors=NO+-c+A", "-c+A" },
		{ "-n+one+two", "-n+two" },
		{ "-in+no", "-in+no" },
		{ "-inc+A+B", "-inc+A+--cmd+B" },
		{ "--server-address+-odd+--timeout+5s+x", "--server-address+-odd+--timeout+5s+x" },
		{ "-l+debug+-c+A", "-l+debug+-c+A" },
		{ "--json+x", "--json+x" },
		{ "--+-c+A+B", "--+-c+A+B" },
		{ "-+x", "-+x" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoarena_ struct arena arena = { 0 };
		_autobuf_ struct buf joined = BUF_INIT;
		_autofree_ char *copy = strdup(rows[i].in);
		char *argv[WORDS_MAX], **out, *rest = copy, *word;
		struct err err = ERR_INIT;
		int argc = 0, n;

		while (*rows[i].in != '\0' && (word = strsep(&rest, "+")) != NULL && argc < WORDS_MAX)
			argv[argc++] = word;
		assert_int_equal(connect_args_rewrite(argc, argv, &arena, &n, &out, &err), 0);
		for (int k = 0; k < n; k++)
			assert_int_equal(buf_printf(&joined, "%s%s", k > 0 ? "+" : "", out[k]), 0);
		assert_string_equal(buf_str(&joined), rows[i].out);
	}
}

int test_connect_args(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_come_out_as_options_want_them),
	};

	return cmocka_run_group_tests_name("ctl/connect_args", tests, NULL, NULL);
}
