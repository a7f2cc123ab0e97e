/* SPDX-License-Identifier: Apache-2.0 */
/* What it protects from is tried by tests/integration/selfexec.sh. */
#include "lib/selfexec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static char *const no_env[] = { NULL };

static void what_is_not_there_is_named(void **state)
{
	char *argv[] = { (char *)"x", NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(selfexec_run(SELFEXEC_ANY, "/no/such", argv, no_env, &err), -ENOENT);
	assert_string_equal(err.text, "protect '/no/such' from being written: No such file or directory");
	assert_int_equal(selfexec_run(SELFEXEC_MEMORY, "/etc/passwd", argv, no_env, &err), -ENOEXEC);
	assert_string_equal(err.text, "execute '/etc/passwd': Exec format error");
}

/* The program sees its own file: read-only by its seals. */
static void a_copy_runs(void **state)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 7", NULL };
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(selfexec_run(SELFEXEC_MEMORY, "/bin/sh", argv, no_env, NULL) < 0 ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
}

int test_selfexec(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_there_is_named),
		cmocka_unit_test(a_copy_runs),
	};

	return cmocka_run_group_tests_name("selfexec", tests, NULL, NULL);
}
