/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/processlist.h"

#include <string.h>

#include "tests/lib/unit.h"

static void stat_lines(void **state)
{
	static const struct {
		const char *text, *command;
		bool is_one;
		pid_t ppid;
		int tty;
		uint64_t cpu, start;
	} cases[] = {
		{ "7 (sh) S 1 7 7 34816 7 4194560 1 2 3 4 10 5 0 0 20 0 1 0 999 1 1", "[sh]", true, 1, 34816, 15, 999 },
		/* a name that looks like the rest of the line */
		{ "7 (a) S 9 (b) R 3 7 7 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 5", "[a) S 9 (b]", true, 3, 0, 3, 5 },
		{ "7 sh S 1", NULL, false, 0, 0, 0, 0 },
		{ "7 (sh) S 1 7", NULL, false, 0, 0, 0, 0 },
		{ "", NULL, false, 0, 0, 0, 0 },
		{ ") (", NULL, false, 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct processlist_stat s = { .ppid = -1 };

		assert_int_equal(processlist_parse_stat(cases[i].text, &s), cases[i].is_one);
		if (!cases[i].is_one) {
			assert_int_equal(s.ppid, -1);
			continue;
		}
		assert_string_equal(s.command, cases[i].command);
		assert_int_equal(s.ppid, cases[i].ppid);
		assert_int_equal(s.tty, cases[i].tty);
		assert_int_equal(s.cpu_ticks, cases[i].cpu);
		assert_int_equal(s.start_ticks, cases[i].start);
	}
}

int test_processlist(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_lines),
	};

	return cmocka_run_group_tests_name("processlist", tests, NULL, NULL);
}
