/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/generate.h"

#include <string.h>

#include "ctl/ident.h"
#include "tests/unit/ctl/play.h"

static void names_are_64_digits_and_never_the_same(void **state)
{
	static const char *const commands[] = { "generate-cid", "generate-sid", "generate-cid" };
	struct play_result *result = calloc(1, sizeof(*result));
	char last[IDENT_HEX_SIZE] = "";

	(void)state;
	assert_non_null(result);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		play_run(&(struct play){ 0 }, commands[i], result);
		assert_int_equal(result->status, 0);
		assert_int_equal(strspn(result->out, "0123456789abcdef"), IDENT_HEX_SIZE - 1);
		assert_string_equal(result->out + IDENT_HEX_SIZE - 1, "\n");
		assert_memory_not_equal(result->out, last, IDENT_HEX_SIZE - 1);
		memcpy(last, result->out, IDENT_HEX_SIZE - 1);
	}
	free(result);
}

int test_generate(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_64_digits_and_never_the_same),
	};

	return cmocka_run_group_tests_name("ctl/generate", tests, NULL, NULL);
}
