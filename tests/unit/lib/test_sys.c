/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

/* Every argument here is one that the kernel would refuse: a hole in the fence fails the test and harms nothing. */
static int first_that_passes_the_fence(void)
{
	struct timeval bad_time = { .tv_sec = 0, .tv_usec = -1 };
	const int results[] = {
		sys_reboot(0x0badc0de),
		sys_settimeofday(&bad_time),
		sys_swapon("/nonexistent/swap", 0),
		sys_finit_module(-1, "", 0),
		sys_open_machine_file("/nonexistent/file", O_RDONLY),
		sys_mount_devtmpfs("/nonexistent/dev", 0),
	};

	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		if (results[i] != -EPERM)
			return (int)i + 1;
	return 0;
}

static void a_process_that_owns_no_machine_is_fenced(void **state)
{
	(void)state;
	assert_false(sys_owns_machine());
	assert_int_equal(first_that_passes_the_fence(), 0);
}

static void other_words_in_the_environment_change_nothing(void **state)
{
	static const char *const words[] = { "", "0", "yes", "11" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		(void)setenv("KATA_AGENT_GUEST", words[i], 1);
		assert_false(sys_owns_machine());
		assert_int_equal(first_that_passes_the_fence(), 0);
	}
	(void)unsetenv("KATA_AGENT_GUEST");
}

static void a_unit_file_can_say_so(void **state)
{
	(void)state;
	(void)setenv("KATA_AGENT_GUEST", "1", 1);
	assert_true(sys_owns_machine());
	assert_int_equal(sys_open_machine_file("/nonexistent/file", O_RDONLY), -ENOENT);
	(void)unsetenv("KATA_AGENT_GUEST");
}

/* A process whose parent has died is a child of PID 1, as the agent's jobs are in a guest. */
static void an_orphan_is_fenced(void **state)
{
	int fds[2], passed = -1;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		pid_t parent = getpid();

		if (fork() > 0)
			_exit(0);
		for (int i = 0; i < 5000 && getppid() == parent; i++)
			(void)usleep(1000);
		passed = first_that_passes_the_fence();
		_exit(write(fds[1], &passed, sizeof(passed)) > 0 ? 0 : 1);
	}
	(void)fd_close(fds[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read(fds[0], &passed, sizeof(passed)), sizeof(passed));
	assert_int_equal(passed, 0);
	(void)fd_close(fds[0]);
}

static void errors_are_negative_errnos(void **state)
{
	struct stat st;
	char c;

	(void)state;
	assert_int_equal(sys_openat(AT_FDCWD, "/nonexistent", O_RDONLY, 0), -ENOENT);
	assert_int_equal(sys_read(-1, &c, 1), -EBADF);
	assert_int_equal(sys_fstatat(AT_FDCWD, "/dev/null", &st, 0), 0);
	assert_int_equal(sys_openat2(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS), -ELOOP);
	assert_int_equal(sys_getpid(), getpid());
	assert_int_equal(sys_geteuid(), geteuid());
}

static void the_end_of_a_directory_is_no_error(void **state)
{
	int fd = sys_openat(AT_FDCWD, "/proc/self/fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), r, n = 0;
	struct dirent *entry;
	DIR *dir;

	(void)state;
	assert_int_equal(sys_fdopendir(-1, &dir), -EBADF);
	assert_int_equal(sys_fdopendir(fd, &dir), 0);
	errno = EIO;
	while ((r = sys_readdir(dir, &entry)) > 0)
		n++;
	assert_int_equal(r, 0);
	assert_true(n >= 3);
	(void)closedir(dir);
}

int test_sys(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_owns_no_machine_is_fenced),
		cmocka_unit_test(other_words_in_the_environment_change_nothing),
		cmocka_unit_test(a_unit_file_can_say_so),
		cmocka_unit_test(an_orphan_is_fenced),
		cmocka_unit_test(errors_are_negative_errnos),
		cmocka_unit_test(the_end_of_a_directory_is_no_error),
	};

	return cmocka_run_group_tests_name("sys", tests, NULL, NULL);
}
