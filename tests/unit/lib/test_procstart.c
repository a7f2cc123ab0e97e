/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/procstart.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

static void tells_a_process_by_its_start(void **state)
{
	uint64_t start;
	int fd;

	(void)state;
	assert_int_equal(proc_start_time(getpid(), &start), 0);
	assert_true(proc_is_alive(getpid(), start));
	assert_false(proc_is_alive(getpid(), start + 1));
	assert_false(proc_is_alive(0, start));
	assert_int_equal(proc_open(getpid(), start + 1), -ESRCH);
	fd = proc_open(getpid(), start);
	assert_true(fd >= 0);
	(void)fd_close(fd);
}

static void a_zombie_is_gone(void **state)
{
	uint64_t start;
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(proc_start_time(pid, &start), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int test_procstart(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_a_process_by_its_start),
		cmocka_unit_test(a_zombie_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
