/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/pty.h"
#include "tests/lib/forked.h"
#include "tests/lib/tempdir.h"

/* Between a user's fds, which are pipes of ours, and a master, which is one end of a socket pair. */
struct world {
	struct console c;
	int type, screen, program; /* our ends */
	int theirs[3];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int in[2], out[2], pair[2];

	if (!w || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	w->theirs[0] = in[0];
	w->type = in[1];
	w->screen = out[0];
	w->theirs[1] = out[1];
	w->program = pair[0];
	w->theirs[2] = pair[1];
	w->c = (struct console){ .master = pair[1], .in = { in[0], pair[1] }, .out = { pair[1], out[1] } };
	*state = w;
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fd_closep(&w->type);
	fd_closep(&w->screen);
	fd_closep(&w->program);
	for (size_t i = 0; i < ARRAY_SIZE(w->theirs); i++)
		fd_closep(&w->theirs[i]);
	free(w);
	return signal(SIGPIPE, SIG_DFL) == SIG_ERR;
}

/* One turn of the caller's loop; how many fds had something. */
static int turn(struct world *w)
{
	struct pollfd fds[4];
	size_t n = console_poll(&w->c, fds);
	int ready;

	assert_int_equal(n, ARRAY_SIZE(fds));
	ready = poll(fds, n, 0);
	console_move(&w->c, fds, n);
	return ready;
}

static const char *got(int fd)
{
	static char text[64];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void both_ways(void **state)
{
	struct world *w = *state;

	assert_int_equal(turn(w), 0);
	assert_int_equal(write(w->type, "typed", 5), 5);
	assert_int_equal(write(w->program, "shown", 5), 5);
	assert_int_equal(turn(w), 2);
	assert_int_equal(turn(w), 2);
	assert_string_equal(got(w->program), "typed");
	assert_string_equal(got(w->screen), "shown");
	assert_int_equal(turn(w), 0);
}

/* Who does not read slows down who writes; nothing is read ahead, and nothing is lost. */
static void a_slow_reader(void **state)
{
	struct world *w = *state;
	char block[CONSOLE_BUFFER] = "";
	struct pollfd fds[4];
	size_t filled = 0;

	for (ssize_t n; (n = write(w->theirs[1], block, sizeof(block))) > 0;)
		filled += (size_t)n;
	assert_int_equal(write(w->program, "kept", 4), 4);
	assert_int_equal(turn(w), 1);
	(void)console_poll(&w->c, fds);
	assert_int_equal(fds[2].fd, -1);
	assert_int_equal(fds[3].fd, w->theirs[1]);
	assert_int_equal(turn(w), 0);
	for (ssize_t n; filled > 0 && (n = read(w->screen, block, sizeof(block))) > 0;)
		filled -= (size_t)n;
	assert_int_equal(turn(w), 1);
	assert_string_equal(got(w->screen), "kept");
}

static size_t write_limit;

ssize_t __real_sys_write(int fd, const void *data, size_t n);
ssize_t __wrap_sys_write(int fd, const void *data, size_t n);
ssize_t __wrap_sys_write(int fd, const void *data, size_t n)
{
	return __real_sys_write(fd, data, write_limit && n > write_limit ? write_limit : n);
}

/* What goes of a block goes, the rest follows. */
static void a_part_of_a_block(void **state)
{
	struct world *w = *state;

	assert_int_equal(write(w->program, "abcdefg", 7), 7);
	write_limit = 3;
	for (int i = 0; i < 4; i++)
		assert_int_equal(turn(w), 1);
	write_limit = 0;
	assert_int_equal(turn(w), 0);
	assert_string_equal(got(w->screen), "abcdefg");
}

static void an_end_is_not_polled_again(void **state)
{
	struct world *w = *state;
	struct pollfd fds[4];

	fd_closep(&w->type);
	assert_int_equal(turn(w), 1);
	assert_true(w->c.in.over);
	(void)console_poll(&w->c, fds);
	assert_int_equal(fds[0].fd, -1);
	assert_int_equal(fds[2].fd, w->theirs[2]);
	assert_int_equal(turn(w), 0);
}

/* Nobody looks any more: the program goes on as if somebody did. */
static void nobody_reads(void **state)
{
	struct world *w = *state;

	fd_closep(&w->screen);
	assert_int_equal(write(w->program, "lost", 4), 4);
	/* The screen's end may be told at once, or with the write. */
	for (int i = 0; i < 3; i++)
		(void)turn(w);
	assert_int_equal(w->c.out.start, w->c.out.end);
	assert_false(w->c.out.over);
	assert_int_equal(write(w->program, "more", 4), 4);
	assert_int_equal(turn(w), 1);
}

static void what_is_left_is_drained(void **state)
{
	struct world *w = *state;
	char block[CONSOLE_BUFFER] = "";
	size_t filled = 0, seen = 0;

	for (size_t i = 0; i < 5; i++) {
		ssize_t n = write(w->program, block, sizeof(block));

		assert_true(n > 0);
		filled += (size_t)n;
	}
	assert_int_equal(turn(w), 1); /* one block is in our hands */
	console_drain(&w->c);
	assert_false(w->c.out.over); /* open, and empty now: not waited for */
	for (ssize_t n; (n = read(w->screen, block, sizeof(block))) > 0;)
		seen += (size_t)n;
	assert_int_equal(seen, filled);
	fd_closep(&w->program);
	console_drain(&w->c);
	assert_true(w->c.out.over);
}

/* --- real terminals ---------------------------------------------------------------------------------------------- */

static int open_terminal(int *master, int *slave)
{
	_autoclose_ int top = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return pty_open_in(top, "dev/pts/ptmx", master, slave, NULL);
}

static bool is_cooked(int fd)
{
	struct termios t;

	return tcgetattr(fd, &t) == 0 && (t.c_lflag & ICANON) && (t.c_lflag & ECHO);
}

static int raw_and_back(void)
{
	int master, slave, container, inner;
	struct console c;
	struct winsize size;

	if (open_terminal(&master, &slave) < 0 || open_terminal(&container, &inner) < 0)
		return 1;
	if (pty_resize(master, 12, 34) < 0 || dup2(slave, 0) < 0 || !is_cooked(0))
		return 2;
	console_copy_size(container);
	if (ioctl(inner, TIOCGWINSZ, &size) < 0 || size.ws_row != 12 || size.ws_col != 34)
		return 3;
	if (console_start(&c, container, NULL) < 0 || !c.is_raw || is_cooked(0) || !is_cooked(inner))
		return 4;
	if (c.master != container || c.in.from != 0 || c.in.to != container || c.out.from != container || c.out.to != 1)
		return 5;
	if (!(fcntl(container, F_GETFL) & O_NONBLOCK))
		return 6;
	console_stop(&c);
	if (c.is_raw || !is_cooked(0))
		return 7;
	/* A second stop leaves alone what others have set since. */
	cfmakeraw(&c.saved);
	console_stop(&c);
	return is_cooked(0) ? 0 : 8;
}

static int without_a_terminal(void)
{
	int master, slave;
	struct console c;
	struct winsize size;

	if (open_terminal(&master, &slave) < 0 || pty_resize(master, 5, 6) < 0)
		return 1;
	if (close(0) < 0 || open("/dev/null", O_RDONLY) != 0)
		return 2;
	console_copy_size(master);
	if (ioctl(slave, TIOCGWINSZ, &size) < 0 || size.ws_row != 5)
		return 3;
	if (console_start(&c, master, NULL) < 0 || c.is_raw)
		return 4;
	console_stop(&c);
	/* The container has closed its side: an end, and no failure. */
	if (write(slave, "last", 4) != 4 || close(slave) < 0)
		return 5;
	c.out.to = open("/dev/null", O_WRONLY);
	console_drain(&c);
	return c.out.over ? 0 : 6;
}

static void terminals(void **state)
{
	(void)state;
	if (access("/dev/pts/ptmx", F_OK) < 0)
		skip(); /* no devpts here */
	assert_int_equal(forked_run(raw_and_back), 0);
	assert_int_equal(forked_run(without_a_terminal), 0);
}

static void a_closed_master_is_told(void **state)
{
	struct err err = ERR_INIT;
	struct console c;

	(void)state;
	assert_int_equal(console_start(&c, -EBADF, &err), -EBADF);
	assert_non_null(strstr(err.text, "serve the terminal"));
}

/* --- to who asked for it ------------------------------------------------------------------------------------------ */

static void it_is_sent(void **state)
{
	const struct tempdir *dir = *state;
	_autoclose_ int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), conn = -EBADF, pipe_in = -EBADF;
	_autoclose_ int pipe_out = -EBADF, received = -EBADF;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char text[16] = "", space[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	struct err err = ERR_INIT;
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	pipe_out = pair[0];
	pipe_in = pair[1];
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/sock", dir->path);
	assert_int_equal(console_send(addr.sun_path, pipe_in, &err), -ENOENT);
	assert_non_null(strstr(err.text, addr.sun_path));
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(console_send(addr.sun_path, pipe_in, &err), 0);
	conn = accept(listener, NULL, NULL);
	assert_true(conn >= 0 && recvmsg(conn, &msg, 0) > 0);
	assert_string_equal(text, "/dev/ptmx");
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	assert_int_equal(write(received, "!", 1), 1);
	assert_string_equal(got(pipe_out), "!");
}

int test_console(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slow_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(a_part_of_a_block, setup, teardown),
		cmocka_unit_test_setup_teardown(an_end_is_not_polled_again, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_left_is_drained, setup, teardown),
		cmocka_unit_test(terminals),
		cmocka_unit_test(a_closed_master_is_told),
		cmocka_unit_test_setup_teardown(it_is_sent, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
