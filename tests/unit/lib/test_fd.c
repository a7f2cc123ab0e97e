/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

ssize_t __real_sys_read(int fd, void *buf, size_t n);
ssize_t __real_sys_write(int fd, const void *buf, size_t n);
int __real_sys_fcntl(int fd, int cmd, long arg);

static int fail_read, fail_write, fail_fcntl; /* errno for the next call, 0 = none */
static size_t write_at_most;                  /* 0 = no limit */

static int fail_once(int *which)
{
	int r = -*which;

	*which = 0;
	return r;
}

ssize_t __wrap_sys_read(int fd, void *buf, size_t n)
{
	return fail_read ? fail_once(&fail_read) : __real_sys_read(fd, buf, n);
}

ssize_t __wrap_sys_write(int fd, const void *buf, size_t n)
{
	if (fail_write)
		return fail_once(&fail_write);
	return __real_sys_write(fd, buf, write_at_most && write_at_most < n ? write_at_most : n);
}

int __wrap_sys_fcntl(int fd, int cmd, long arg)
{
	return fail_fcntl ? fail_once(&fail_fcntl) : __real_sys_fcntl(fd, cmd, arg);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void closing_disarms_and_keeps_errno(void **state)
{
	int fd = dup(0), number = fd;

	(void)state;
	errno = ENOTTY;
	fd_closep(&fd);
	assert_int_equal(fd, -EBADF);
	assert_false(is_open(number));
	errno = ENOTTY;
	fd_closep(&fd);
	assert_int_equal(fd_close(9999), -EBADF);
	assert_int_equal(errno, ENOTTY);
}

static void take_leaves_nothing_behind(void **state)
{
	int fd = 42;

	(void)state;
	assert_int_equal(take_fd(&fd), 42);
	assert_int_equal(fd, -EBADF);
}

static void flags_go_on_and_off(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_set_nonblock(fds[0], true), 0);
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(fds[0], false), 0);
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fd_set_cloexec(fds[0], true), 0);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_set_cloexec(fds[0], false), 0);
	assert_int_equal(fcntl(fds[0], F_GETFD), 0);
	fail_fcntl = EIO;
	assert_int_equal(fd_set_cloexec(fds[0], true), -EIO);
	assert_int_equal(fd_set_nonblock(-1, true), -EBADF);
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
}

static void only_the_keep_list_stays_open(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		int keep[] = { 120, -EBADF, 110, 1, 110 };

		for (int fd = 105; fd < 125; fd++)
			(void)dup2(0, fd);
		if (fd_close_except(keep, ARRAY_SIZE(keep)) < 0)
			_exit(1);
		for (int fd = 3; fd < 256; fd++)
			if (is_open(fd) != (fd == 110 || fd == 120))
				_exit(fd);
		(void)fd_close_except(NULL, 0);
		_exit(is_open(110) || !is_open(0));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void small_files_are_read_up_to_the_limit(void **state)
{
	const struct tempdir *dir = *state;
	char *text = NULL, *large = calloc(1, 5001);
	size_t len = 0;

	memset(large, 'x', 5000);
	tempdir_write(dir, "small", "hello\n");
	tempdir_write(dir, "empty", "");
	tempdir_write(dir, "large", large);
	assert_int_equal(fd_read_file_at(dir->fd, "small", 6, &text, &len), 0);
	assert_string_equal(text, "hello\n");
	assert_int_equal(len, 6);
	free(take_ptr(&text));
	assert_int_equal(fd_read_file_at(dir->fd, "small", 5, &text, NULL), -EFBIG);
	assert_null(text);
	assert_int_equal(fd_read_file_at(dir->fd, "empty", 0, &text, &len), 0);
	assert_string_equal(text, "");
	free(take_ptr(&text));
	assert_int_equal(fd_read_file_at(dir->fd, "large", 5000, &text, &len), 0);
	assert_string_equal(text, large);
	free(take_ptr(&text));
	assert_int_equal(fd_read_file_at(dir->fd, "none", 10, &text, &len), -ENOENT);
	fail_read = EIO;
	assert_int_equal(fd_read_file_at(dir->fd, "small", 10, &text, &len), -EIO);
	free(large);
}

static void directories_are_opened_as_asked(void **state)
{
	const struct tempdir *dir = *state;
	_autodir_ DIR *stream = NULL;
	int next;

	assert_return_code(mkdirat(dir->fd, "real", 0755), errno);
	tempdir_write(dir, "real/file", "");
	assert_return_code(symlinkat("real", dir->fd, "link"), errno);
	next = fcntl(dir->fd, F_DUPFD_CLOEXEC, 0);
	(void)close(next);
	assert_int_equal(fd_opendir(dir->fd, "none", 0, &stream), -ENOENT);
	assert_int_equal(fd_opendir(dir->fd, "real/file", 0, &stream), -ENOTDIR);
	assert_int_equal(fd_opendir(dir->fd, "link", O_NOFOLLOW, &stream), -ENOTDIR);
	assert_null(stream);
	assert_int_equal(fd_opendir(dir->fd, "link", 0, &stream), 0);
	/* The failures have left none open. */
	assert_int_equal(dirfd(stream), next);
	assert_int_equal(fcntl(dirfd(stream), F_GETFD), FD_CLOEXEC);
	assert_return_code(faccessat(dirfd(stream), "file", F_OK, 0), errno);
}

static void files_are_written_in_one_piece(void **state)
{
	const struct tempdir *dir = *state;
	char *text = NULL;

	tempdir_write(dir, "f", "");
	assert_int_equal(fd_write_file_at(dir->fd, "f", "42"), 0);
	assert_int_equal(fd_read_file_at(dir->fd, "f", 10, &text, NULL), 0);
	assert_string_equal(text, "42");
	free(text);
	assert_int_equal(fd_write_file_at(dir->fd, "none", "42"), -ENOENT);
	write_at_most = 1;
	assert_int_equal(fd_write_file_at(dir->fd, "f", "42"), -EIO);
	write_at_most = 0;
	fail_write = EBUSY;
	assert_int_equal(fd_write_file_at(dir->fd, "f", "42"), -EBUSY);
}

static void write_all_goes_on_after_short_writes(void **state)
{
	char text[16] = "";
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	write_at_most = 2;
	fail_write = EINTR;
	assert_int_equal(fd_write_all(fds[1], "abcdefg", 7), 0);
	write_at_most = 0;
	assert_int_equal(read(fds[0], text, sizeof(text) - 1), 7);
	assert_string_equal(text, "abcdefg");
	assert_int_equal(fd_write_all(fds[1], NULL, 0), 0);
	fail_write = ENOSPC;
	assert_int_equal(fd_write_all(fds[1], "x", 1), -ENOSPC);
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
}

static void copying_stops_at_the_limit(void **state)
{
	static const char data[] = "0123456789";
	char back[sizeof(data)] = "";
	int pipe_fds[2], out[2];

	(void)state;
	for (uint64_t max = 0; max <= 10; max += 5) {
		assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		assert_int_equal(write(pipe_fds[1], data, 10), 10);
		(void)fd_close(pipe_fds[1]);
		assert_int_equal(fd_copy(pipe_fds[0], out[1], max), max == 5 ? -EFBIG : 0);
		(void)fd_close(out[1]);
		assert_int_equal(read(out[0], back, sizeof(back)), max == 5 ? 0 : 10);
		assert_memory_equal(back, data, 10);
		(void)fd_close(out[0]);
		(void)fd_close(pipe_fds[0]);
	}
}

/* A packet is never larger than a guest's kernel keeps in one piece. */
static void sending_is_cut_and_never_waits(void **state)
{
	static const char data[4 * FD_SEND_MAX];
	int pair[2];
	ssize_t n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fd_send(pair[0], data, sizeof(data)), FD_SEND_MAX);
	assert_int_equal(fd_send(pair[0], data, 3), 3);
	assert_int_equal(fd_send_whole(pair[0], data, sizeof(data)), sizeof(data));
	do {
		n = fd_send(pair[0], data, sizeof(data));
	} while (n > 0);
	assert_int_equal(n, -EAGAIN);
	(void)fd_close(pair[1]);
	assert_int_equal(fd_send(pair[0], data, 1), -EPIPE);
	(void)fd_close(pair[0]);
}

static void a_hang_up_is_an_end_and_no_error(void **state)
{
	char c;

	(void)state;
	for (int polite = 0; polite < 2; polite++) {
		int pair[2];

		assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		assert_int_equal(write(pair[0], "unread", 6), 6);
		assert_int_equal(polite ? fd_hang_up(pair[1]) : fd_close(pair[1]), -EBADF);
		assert_int_equal(read(pair[0], &c, 1), polite ? 0 : -1);
		(void)fd_close(pair[0]);
	}
	assert_int_equal(fd_hang_up(-EBADF), -EBADF);
}

int test_fd(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closing_disarms_and_keeps_errno),
		cmocka_unit_test(take_leaves_nothing_behind),
		cmocka_unit_test(flags_go_on_and_off),
		cmocka_unit_test(only_the_keep_list_stays_open),
		cmocka_unit_test_setup_teardown(small_files_are_read_up_to_the_limit, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(directories_are_opened_as_asked, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(files_are_written_in_one_piece, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(write_all_goes_on_after_short_writes),
		cmocka_unit_test(copying_stops_at_the_limit),
		cmocka_unit_test(sending_is_cut_and_never_waits),
		cmocka_unit_test(a_hang_up_is_an_end_and_no_error),
	};

	return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
