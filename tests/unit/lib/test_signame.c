/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>

#include "lib/mem.h"
#include "lib/signame.h"
#include "tests/lib/unit.h"

static void names_and_numbers(void **state)
{
	static const struct {
		const char *text;
		int want;
	} cases[] = {
		{ "9", 9 },
		{ "KILL", SIGKILL },
		{ "SIGKILL", SIGKILL },
		{ "sigterm", SIGTERM },
		{ "usr1", SIGUSR1 },
		{ "SIGIOT", SIGABRT },
		{ "CLD", SIGCHLD },
		{ "64", 64 },
		{ "0", -EINVAL },
		{ "65", -EINVAL },
		{ "-1", -EINVAL },
		{ "", -EINVAL },
		{ "SIG", -EINVAL },
		{ "FOO", -EINVAL },
		{ "9x", -EINVAL },
		{ "RTMIN+200", -EINVAL },
		{ "RTMAX+1", -EINVAL },
		{ "RTMIN+x", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(signame_parse(cases[i].text), cases[i].want);
	assert_int_equal(signame_parse("RTMIN"), SIGRTMIN);
	assert_int_equal(signame_parse("SIGRTMIN+3"), SIGRTMIN + 3);
	assert_int_equal(signame_parse("rtmax-1"), SIGRTMAX - 1);
}

int test_signame(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers),
	};

	return cmocka_run_group_tests_name("signame", tests, NULL, NULL);
}
