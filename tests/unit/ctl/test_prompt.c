/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that come from no terminal; the terminal's side is tests/integration/connect.sh. */
#include "ctl/prompt.h"

#include <string.h>

#include "tests/unit/ctl/play.h"

static void lines_of_stdin_are_run(void **state)
{
	static const struct {
		const char *line, *input, *log;
		int status;
	} rows[] = {
		{ "connect -i", "Check\n# a comment\n\nVersion", "Check {}\nVersion {}\n", 0 },
		{ "connect -i true", "Check\nquit\nVersion\n", "Check {}\n", 0 },
		{ "connect -i", "Check\nNonsense\nVersion\n", "Check {}\n", CTL_EXIT_USAGE },
		{ "connect -i --ignore-errors", "Check\nNonsense\nVersion\n", "Check {}\nVersion {}\n", 0 },
		{ "connect -i -c Version", "Check\n", "Version {}\nCheck {}\n", 0 },
		{ "connect -i -c quit", "Check\n", "", 0 },
		{ "connect -i", "repeat 2\nCheck\nDestroySandbox\nVersion\n", "Check {}\nCheck {}\nDestroySandbox {}\n",
		  0 },
		{ "connect -i", "", "", 0 },
	};
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct play play = { .input = rows[i].input };

		play_run(&play, rows[i].line, result);
		assert_int_equal(result->status, rows[i].status);
		assert_string_equal(result->log, rows[i].log);
	}
	free(result);
}

int test_prompt(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_stdin_are_run),
	};

	return cmocka_run_group_tests_name("ctl/prompt", tests, NULL, NULL);
}
