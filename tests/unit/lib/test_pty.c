/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static void a_terminal_of_the_devpts(void **state)
{
	_autoclose_ int top = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), master = -EBADF, slave = -EBADF;
	struct err err = ERR_INIT;
	struct winsize size;
	char text[8] = "";

	(void)state;
	if (access("/dev/pts/ptmx", F_OK) < 0)
		skip(); /* no devpts here */
	if (pty_open_in(top, "dev/pts/ptmx", &master, &slave, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fcntl(master, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(slave, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_true(isatty(slave));
	assert_int_equal(write(slave, "hi\n", 3), 3);
	assert_int_equal(read(master, text, sizeof(text) - 1), 4);
	assert_string_equal(text, "hi\r\n");
	assert_int_equal(pty_resize(master, 33, 111), 0);
	assert_int_equal(ioctl(slave, TIOCGWINSZ, &size), 0);
	assert_int_equal(size.ws_row, 33);
	assert_int_equal(size.ws_col, 111);
}

static void the_name_alone_will_do(void **state)
{
	_autoclose_ int pts = open("/dev/pts", O_RDONLY | O_DIRECTORY | O_CLOEXEC), master = -EBADF, slave = -EBADF;

	(void)state;
	if (access("/dev/pts/ptmx", F_OK) < 0)
		skip(); /* no devpts here */
	assert_int_equal(pty_open_in(pts, "ptmx", &master, &slave, NULL), 0);
}

static void impostors_are_refused(void **state)
{
	const struct tempdir *dir = *state;
	int master = -EBADF, slave = -EBADF;
	struct err err = ERR_INIT;

	assert_int_equal(pty_open_in(dir->fd, "dev/pts/ptmx", &master, &slave, &err), -ENOENT);
	assert_non_null(strstr(err.text, "'dev/pts/ptmx'"));
	tempdir_write(dir, "ptmx", "not a device");
	assert_int_equal(pty_open_in(dir->fd, "ptmx", &master, &slave, &err), -ENODEV);
	assert_string_equal(err.text, "terminal multiplexer 'ptmx' is not in a devpts");
	/* A link to the real one leads nowhere from inside the root. */
	assert_int_equal(symlinkat("/dev/pts", dir->fd, "pts"), 0);
	assert_int_equal(pty_open_in(dir->fd, "pts/ptmx", &master, &slave, &err), -ENOENT);
	assert_int_equal(master, -EBADF);
	assert_int_equal(slave, -EBADF);
}

static void somebody_elses_terminal_is_no_multiplexer(void **state)
{
	_autoclose_ int pts = open("/dev/pts", O_RDONLY | O_DIRECTORY | O_CLOEXEC), master = -EBADF, slave = -EBADF;
	int other_master = -EBADF, other_slave = -EBADF;
	struct err err = ERR_INIT;

	(void)state;
	if (access("/dev/pts/ptmx", F_OK) < 0)
		skip(); /* no devpts here */
	assert_int_equal(pty_open_in(pts, "ptmx", &master, &slave, NULL), 0);
	assert_int_equal(pty_open_in(pts, strrchr(ttyname(slave), '/') + 1, &other_master, &other_slave, &err),
	                 -ENODEV);
	assert_int_equal(pty_resize(-1, 1, 1), -EBADF);
}

int test_pty(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_terminal_of_the_devpts),
		cmocka_unit_test(the_name_alone_will_do),
		cmocka_unit_test_setup_teardown(impostors_are_refused, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(somebody_elses_terminal_is_no_multiplexer),
	};

	return cmocka_run_group_tests_name("pty", tests, NULL, NULL);
}
