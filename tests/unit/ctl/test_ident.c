/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ident.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "lib/mem.h"
#include "tests/lib/unit.h"

static void signals_by_name_and_number(void **state)
{
	static const struct {
		const char *text;
		int number;
	} rows[] = {
		{ "TERM", SIGTERM }, { "SIGKILL", SIGKILL }, { "usr1", SIGUSR1 }, { "sighup", SIGHUP },
		{ "15", 15 },        { "0", -EINVAL },       { "999", -EINVAL },  { "9x", -EINVAL },
		{ "", -EINVAL },     { "NOPE", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(ident_parse_signal(rows[i].text), rows[i].number);
}

static void names_differ(void **state)
{
	char a[IDENT_SIZE], b[IDENT_SIZE];

	(void)state;
	assert_string_not_equal(ident_make(a, "exec"), ident_make(b, "exec"));
	assert_int_equal(strncmp(a, "exec-", 5), 0);
	assert_int_equal(strlen(a), 5 + 12);
}

int test_ident(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_by_name_and_number),
		cmocka_unit_test(names_differ),
	};

	return cmocka_run_group_tests_name("ctl/ident", tests, NULL, NULL);
}
