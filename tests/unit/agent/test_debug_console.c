/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/debug_console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/gate.h"
#include "agent/sandbox.h"
#include "agent/shell.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

#define DEADLINE_MS 10000

struct fixture {
	struct sandbox sandbox;
	struct debug_console *console;
	struct addr addr;
	char dir[64];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/kata-unit.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->addr.kind = ADDR_UNIX;
	(void)snprintf(f->addr.path, sizeof(f->addr.path), "%s/console", f->dir);
	assert_return_code(loop_new(&f->sandbox.env.loop), 0);
	assert_return_code(reaper_new(&f->sandbox.env.reaper), 0);
	assert_return_code(debug_console_new(&f->sandbox, &f->addr, &f->console, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->console = debug_console_free(f->console);
	assert_int_equal(loop_count(f->sandbox.env.loop), 0);
	(void)loop_free(f->sandbox.env.loop);
	(void)reaper_free(f->sandbox.env.reaper);
	(void)unlink(f->addr.path);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

/* The agent does this on SIGCHLD. */
static void turn(struct fixture *f)
{
	assert_return_code(loop_turn(f->sandbox.env.loop, 5), 0);
	(void)reaper_run(f->sandbox.env.reaper);
}

static int connect_client(struct fixture *f)
{
	struct err err = ERR_INIT;
	int fd = addr_connect(&f->addr, 1000, &err);

	assert_true(fd >= 0);
	assert_return_code(fd_set_nonblock(fd, true), 0);
	return fd;
}

/* Reads until the text has come, or (NULL) the end; false when it came to the end before. */
static bool receive(struct fixture *f, int fd, const char *text)
{
	char data[65536];
	size_t len = 0;

	for (int i = 0; i < DEADLINE_MS / 5; i++) {
		ssize_t n = read(fd, data + len, sizeof(data) - 1 - len);

		if (n == 0)
			return text == NULL;
		if (n > 0)
			len += (size_t)n;
		data[len] = '\0';
		if (text && strstr(data, text))
			return true;
		if (len > sizeof(data) / 2)
			len = 0;
		turn(f);
	}
	fail_msg("no '%s' in '%s'", text ? text : "end", data);
	return false;
}

static void until_quiet(struct fixture *f)
{
	for (int i = 0; i < DEADLINE_MS / 5 && loop_count(f->sandbox.env.loop) > 1; i++)
		turn(f);
	assert_int_equal(loop_count(f->sandbox.env.loop), 1); /* the listener */
}

static void a_shell_answers_and_ends(void **state)
{
	struct fixture *f = *state;
	int fd = connect_client(f);

	assert_int_equal(write(fd, "echo $((40 + 2))-\n", 18), 18);
	assert_true(receive(f, fd, "42-"));
	assert_int_equal(write(fd, "exit\n", 5), 5);
	assert_true(receive(f, fd, NULL));
	(void)close(fd);
	until_quiet(f);
}

static void a_client_that_goes_takes_the_shell_along(void **state)
{
	struct fixture *f = *state;
	int fd = connect_client(f), mark[2];
	char c;

	/* Held open by everything that the shell has started: its end tells that all of it is gone. */
	assert_int_equal(pipe(mark), 0);
	assert_int_equal(write(fd, "trap '' HUP; sleep 4000 & echo $((40 + 3))-; cat\n", 49), 49);
	assert_true(receive(f, fd, "43-"));
	(void)close(mark[1]);
	(void)close(fd);
	until_quiet(f);
	assert_int_equal(read(mark[0], &c, 1), 0);
	(void)close(mark[0]);
}

static int deny(struct gate *gate, const char *method, const char *cid, const char *eid, struct err *err)
{
	(void)gate;
	(void)cid;
	(void)eid;
	return err_say(err, EPERM, "not the %s", method);
}

static void the_gate_is_asked(void **state)
{
	struct gate gate = { .check = deny };
	struct fixture *f = *state;
	int fd;

	f->sandbox.gate = &gate;
	fd = connect_client(f);
	assert_true(receive(f, fd, "kata-agent: no debug console: blocked by policy: not the DebugConsole\r\n"));
	assert_true(receive(f, fd, NULL));
	(void)close(fd);
	until_quiet(f);
}

/* A client that does not read: the agent neither stores its output nor spins. */
static void back_pressure(void **state)
{
	struct fixture *f = *state;
	int fd = connect_client(f);
	uint64_t begin;

	assert_int_equal(write(fd, "exec yes\n", 9), 9);
	assert_true(receive(f, fd, "y\r\ny\r\n"));
	begin = sys_now(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < 100; i++)
		turn(f);
	/* 100 turns of at most 5 ms each, of which nearly all must have been waiting. */
	assert_true(sys_now(CLOCK_PROCESS_CPUTIME_ID) - begin < 400000000u);
	(void)close(fd);
	until_quiet(f);
}

static void sessions_are_limited(void **state)
{
	struct fixture *f = *state;
	int fds[DEBUG_CONSOLE_SESSIONS_MAX], one;
	bool has_room = false;

	for (int i = 0; i < DEBUG_CONSOLE_SESSIONS_MAX; i++) {
		fds[i] = connect_client(f);
		assert_int_equal(write(fds[i], "echo $((40 + 4))-\n", 18), 18);
		assert_true(receive(f, fds[i], "44-"));
	}
	one = connect_client(f);
	assert_true(receive(f, one, "too many sessions"));
	(void)close(one);
	for (int i = 0; i < DEBUG_CONSOLE_SESSIONS_MAX; i++)
		(void)close(fds[i]);
	until_quiet(f);
	/* There is room again, as soon as the shells are reaped. */
	for (int i = 0; i < DEADLINE_MS / 5 && !has_room; i++) {
		one = connect_client(f);
		assert_int_equal(write(one, "echo $((40 + 5))-\n", 18), 18);
		has_room = receive(f, one, "45-");
		(void)close(one);
	}
	assert_true(has_room);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int test_debug_console(void)
{
	const struct CMUnitTest tests[] = {
		T(a_shell_answers_and_ends), T(a_client_that_goes_takes_the_shell_along),
		T(the_gate_is_asked),        T(back_pressure),
		T(sessions_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
