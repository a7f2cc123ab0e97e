/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/err.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static void set_names_operation_and_reason(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, EACCES, "mount '%s' on '%s'", "proc", "/proc"), -EACCES);
	assert_int_equal(err.num, EACCES);
	assert_string_equal(err.text, "mount 'proc' on '/proc': Permission denied");
}

static void sign_of_the_errno_does_not_matter(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, -ENOENT, "open 'x'"), -ENOENT);
	assert_int_equal(err_say(&err, 0, "nothing"), -EINVAL);
	assert_int_equal(err_set(NULL, EIO, "nobody listens"), -EIO);
}

static void wrap_puts_context_in_front(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	(void)err_say(&err, EINVAL, "bad option 'foo'");
	assert_int_equal(err_wrap(&err, "start '%s'", "web"), -EINVAL);
	assert_string_equal(err.text, "start 'web': bad option 'foo'");
}

static void long_texts_are_cut_not_overrun(void **state)
{
	struct err err = ERR_INIT;
	char name[3000];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(err_set(&err, EIO, "read '%s'", name), -EIO);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_int_equal(err_wrap(&err, "%s", name), -EIO);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

static void text_falls_back_to_errno(void **state)
{
	struct err err = { .num = ENOMEM };

	(void)state;
	assert_string_equal(err_text(&err), "Cannot allocate memory");
}

int test_err(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_names_operation_and_reason), cmocka_unit_test(sign_of_the_errno_does_not_matter),
		cmocka_unit_test(wrap_puts_context_in_front),     cmocka_unit_test(long_texts_are_cut_not_overrun),
		cmocka_unit_test(text_falls_back_to_errno),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
