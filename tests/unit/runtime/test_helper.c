/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/helper.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/openfds.h"
#include "tests/lib/unit.h"

#define PATIENCE_MS 30000

/* Whatever becomes of it: no process and no fd is left. */
static int run(const char *script, int timeout_ms, struct buf *out, struct err *err)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
	int n = count_fds(), r = helper_run(argv, timeout_ms, out, err);

	assert_int_equal(count_fds(), n);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return r;
}

static void its_output_is_appended(void **state)
{
	_autobuf_ struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(run("echo one; echo noise >&2", PATIENCE_MS, &out, NULL), 0);
	assert_int_equal(run("cat; printf two", PATIENCE_MS, &out, NULL), 0);
	assert_string_equal(buf_str(&out), "one\ntwo");
}

static void a_failure_is_its_last_line(void **state)
{
	static const struct {
		const char *script, *text;
	} table[] = {
		{ "exit 3", "run '/bin/sh': exit status 3" },
		{ "kill -KILL $$", "run '/bin/sh': exit status 137" },
		{ "echo one >&2; echo two >&2; echo >&2; exit 1", "two" },
		{ "printf two >&2; exit 1", "two" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autobuf_ struct buf out = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(run(table[i].script, PATIENCE_MS, &out, &err), -EIO);
		assert_string_equal(err_text(&err), table[i].text);
	}
}

/* More than a pipe holds, of both at once. */
static void full_pipes_do_not_stop_it(void **state)
{
	_autobuf_ struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(
		run("i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i + 1)); "
	            "done; head -c 60000 /dev/zero >&2; echo end",
	            PATIENCE_MS, &out, NULL),
		0);
	assert_int_equal(out.len, 3000 * 41 + 4);
}

/* It is killed, not waited for. */
static void too_much_ends_it(void **state)
{
	_autobuf_ struct buf out = { .max = 65536 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(run("exec cat /dev/zero", PATIENCE_MS, &out, &err), -EMSGSIZE);
	assert_non_null(strstr(err_text(&err), "run '/bin/sh': "));
	assert_true(out.len <= 65536);
}

static void one_that_hangs_is_killed(void **state)
{
	_autobuf_ struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(run("exec sleep 60", 1, &out, &err), -ETIMEDOUT);
	assert_non_null(strstr(err_text(&err), "run '/bin/sh': "));
}

/* It has said all that it will, but does not end. */
static void one_that_closes_its_output_is_killed_too(void **state)
{
	_autobuf_ struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)"exec >&- 2>&-; exec sleep 60", NULL };

	(void)state;
	assert_int_equal(helper_run(argv, 100, &out, &err), -ETIMEDOUT);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void what_is_not_there_is_named(void **state)
{
	char *argv[] = { (char *)"/nonexistent/helper", NULL };
	_autobuf_ struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(helper_run(argv, PATIENCE_MS, &out, &err), -ENOENT);
	assert_string_equal(err_text(&err), "run '/nonexistent/helper': No such file or directory");
}

int test_helper(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_output_is_appended),
		cmocka_unit_test(a_failure_is_its_last_line),
		cmocka_unit_test(full_pipes_do_not_stop_it),
		cmocka_unit_test(too_much_ends_it),
		cmocka_unit_test(one_that_hangs_is_killed),
		cmocka_unit_test(one_that_closes_its_output_is_killed_too),
		cmocka_unit_test(what_is_not_there_is_named),
	};

	return cmocka_run_group_tests_name("helper", tests, NULL, NULL);
}
