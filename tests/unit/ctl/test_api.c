/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/api.h"

#include <string.h>

#include "client/method.h"
#include "tests/lib/unit.h"

/* A method that is added to the protocol needs its row. */
static void every_method_has_one_command(void **state)
{
	const struct api_command *command;
	struct client_method m, found;
	size_t commands = 0, methods = 0, calls;

	(void)state;
	for (size_t i = 0; (command = api_at(i)) != NULL; i++) {
		assert_int_equal(method_find(command->method ? command->method : command->name, &found), 0);
		assert_true(strlen(command->summary) > 0);
		commands++;
	}
	for (size_t i = 0; method_at(i, &m) == 0; i++, methods++) {
		calls = 0;
		for (size_t k = 0; (command = api_at(k)) != NULL; k++)
			calls += strcmp(command->method ? command->method : command->name, m.method->name) == 0;
		if (calls != 1)
			fail_msg("%zu commands call %s", calls, m.method->name);
	}
	assert_int_equal(commands, methods);
}

static void names_are_found_in_any_case(void **state)
{
	(void)state;
	assert_string_equal(api_find("GetIPTables")->name, "GetIptables");
	assert_string_equal(api_find("check")->name, "Check");
	assert_null(api_find("Chec"));
	assert_null(api_find(""));
}

int test_api(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_has_one_command),
		cmocka_unit_test(names_are_found_in_any_case),
	};

	return cmocka_run_group_tests_name("ctl/api", tests, NULL, NULL);
}
