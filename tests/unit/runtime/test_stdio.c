/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/sys.h"
#include "runtime/place.h"
#include "tests/lib/fakevmm.h"
#include "tests/lib/forked.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

/* No newline: containerd reads it so; and no half of one, since it is renamed. */
static void pid_file(void **state)
{
	const struct tempdir *dir = *state;
	_autofree_ char *path = NULL, *text = NULL, *missing = NULL;
	struct stdio s = STDIO_INIT;
	struct err err = ERR_INIT;
	size_t n;

	s.pid = 4711;
	assert_true(asprintf(&path, "%s/pid", dir->path) > 0 && asprintf(&missing, "%s/none/pid", dir->path) > 0);
	assert_int_equal(stdio_reserve_pid_file(&s, NULL, &err), 0);
	assert_int_equal(stdio_write_pid_file(&s, &err), 0);
	assert_int_equal(stdio_reserve_pid_file(&s, path, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(stdio_write_pid_file(&s, &err), 0);
	assert_int_equal(fd_read_file_at(AT_FDCWD, path, 64, &text, &n), 0);
	assert_string_equal(text, "4711");
	stdio_done(&s);
	assert_int_equal(stdio_reserve_pid_file(&s, missing, &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), missing));
	stdio_done(&s);
	/* What was reserved for nothing goes. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(stdio_reserve_pid_file(&s, path, &err), 0);
	stdio_done(&s);
	assert_int_equal(rmdir(dir->path), 0);
	assert_int_equal(mkdir(dir->path, 0700), 0);
}

static void where_the_agent_is(void **state)
{
	_autojson_ struct json_object *good = json_tokener_parse("{\"agent\": \"vsock://7:1024\"}");
	_autojson_ struct json_object *bad = json_tokener_parse("{\"agent\": 7}");
	_autostdio_ struct stdio s = STDIO_INIT;
	struct err err = ERR_INIT;

	(void)state;
	s.cid = "web";
	assert_int_equal(stdio_take_answer(&s, bad, &err), -EPROTO);
	assert_non_null(strstr(err_text(&err), "'web'"));
	assert_int_equal(stdio_take_answer(&s, NULL, &err), -EPROTO);
	assert_int_equal(stdio_take_answer(&s, good, &err), 0);
	assert_string_equal(s.address, "vsock://7:1024");
}

static void terminals(void **state)
{
	_autostdio_ struct stdio s = STDIO_INIT;
	struct err err = ERR_INIT;

	(void)state;
	s.cid = "web";
	assert_int_equal(stdio_open_terminal(&s, NULL, &err), 0);
	assert_int_equal(s.slave, -EBADF);
	assert_int_equal(stdio_open_terminal(&s, "/nonexistent", &err), -EINVAL);
	s.is_terminal = true;
	assert_true(stdio_open_terminal(&s, "/nonexistent", &err) < 0);
	assert_non_null(strstr(err_text(&err), "/nonexistent"));
}

/* Nobody is there to tell the status any more; what was noted down counts, for the container's own process. */
static void status_after_the_vm(void **state)
{
	static const char noted[] = "{\"containers\": [{\"id\": \"web\", \"status\": \"stopped\", \"exit_code\": 3},"
				    "{\"id\": \"app\", \"status\": \"running\", \"exit_code\": 0}]}";
	const struct tempdir *dir = *state;
	struct err err = ERR_INIT;

	assert_int_equal(place_make(dir->path, "web", &err), 0);
	assert_int_equal(place_link(dir->path, "web", "web", &err), 0);
	assert_int_equal(place_link(dir->path, "app", "web", &err), 0);
	tempdir_write(dir, "web/state.json", noted);
	assert_int_equal(stdio_noted_status(dir->path, "web"), 3);
	assert_int_equal(stdio_noted_status(dir->path, "app"), 137);
	assert_int_equal(stdio_noted_status(dir->path, "none"), 137);
}

/* Only who has blocked them wants to be told in this way. */
static void signals_are_told(void **state)
{
	sigset_t before;
	struct pollfd p = { .fd = stdio_open_signals(), .events = POLLIN };

	(void)state;
	assert_true(p.fd < 0);
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &before), 0);
	stdio_block_signals();
	p.fd = stdio_open_signals();
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(raise(SIGHUP), 0);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_true(stdio_is_interrupted());
	/* Taken away before they are let in. */
	{
		struct signalfd_siginfo info;

		assert_int_equal(read(p.fd, &info, sizeof(info)), sizeof(info));
	}
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	(void)close(p.fd);
}

/* --- waiting ----------------------------------------------------------------------------------------------------- */

/* Another process as the one that stands for the container: it ends with 7 when it gets the signal. */
static void start_child(struct stdio *s, int signo)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, signo);
	s->pid = fork();
	if (s->pid == 0) {
		(void)alarm(60);
		_exit(sigwaitinfo(&set, NULL) == signo ? 7 : 8);
	}
	s->pidfd = sys_pidfd_open(s->pid);
}

/* What came before the wait, too. */
static int hand_signals_on(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

	stdio_block_signals();
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct stdio s = STDIO_INIT;

		if (stdio_is_interrupted())
			return 10;
		start_child(&s, signals[i]);
		if (s.pidfd < 0 || kill(getpid(), signals[i]) < 0 || !stdio_is_interrupted())
			return 20;
		if (stdio_wait(&s) != 7)
			return 30 + (int)i;
		stdio_done(&s);
	}
	return 0;
}

/* Other signals are not ours to hand on. */
static int tell_how_it_ended(void)
{
	struct stdio s = STDIO_INIT;

	stdio_block_signals();
	start_child(&s, SIGUSR1);
	if (s.pidfd < 0 || kill(getpid(), SIGWINCH) < 0 || stdio_is_interrupted())
		return 10;
	if (kill(s.pid, SIGKILL) < 0 || stdio_wait(&s) != 128 + SIGKILL)
		return 20;
	/* It was reaped: nothing is left of it. */
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		return 30;
	stdio_done(&s);
	return 0;
}

static void signals_are_handed_on(void **state)
{
	(void)state;
	assert_int_equal(forked_run(hand_signals_on), 0);
}

static void its_end_is_told(void **state)
{
	(void)state;
	assert_int_equal(forked_run(tell_how_it_ended), 0);
}

/* --- starting ---------------------------------------------------------------------------------------------------- */

static int play_stdio(const struct spawn_spec *spec, void *arg)
{
	static const char *const expected[] = { "kata-runtime", "--root", NULL, "stdio", "vsock://7:1024", "web" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		if (strcmp(spec->argv[i], expected[i] ? expected[i] : arg) != 0)
			return 40;
	while (spec->argv[n])
		n++;
	return n == 7 && strcmp(spec->argv[6], "exec-1") == 0 ? 41 : 42;
}

/* It is known, and waited for, though nobody was there to be told of it. */
static void a_supervisor_that_has_gone_is_the_reason(void **state)
{
	const struct fakevmm_role roles[] = { { "/proc/self/exe", play_stdio }, { NULL } };
	const struct tempdir *dir = *state;
	struct view v = { .sandbox = (char *)"pod" };
	struct stdio s = STDIO_INIT;
	struct err err = ERR_INIT;

	s.root = dir->path;
	s.cid = "web";
	s.eid = "exec-1";
	s.address = strdup("vsock://7:1024");
	fakevmm_start(roles, (void *)(uintptr_t)dir->path);
	assert_int_equal(stdio_start(&s, &v, &err), -ENOENT);
	fakevmm_stop();
	assert_non_null(strstr(err_text(&err), "pod/supervisor.sock"));
	assert_true(s.pid > 0 && s.pidfd >= 0);
	assert_int_equal(stdio_wait(&s), 41);
	stdio_done(&s);
}

/* The verb itself is the process, so that nothing is started. */
static void in_the_foreground_nothing_is_started(void **state)
{
	const struct tempdir *dir = *state;
	struct view v = { .sandbox = (char *)"pod" };
	struct stdio s = STDIO_INIT;
	struct err err = ERR_INIT;

	s.root = dir->path;
	s.cid = "web";
	s.is_foreground = true;
	assert_int_equal(stdio_start(&s, &v, &err), -ENOENT);
	assert_int_equal(s.pid, getpid());
	assert_int_equal(s.pidfd, -EBADF);
	stdio_done(&s);
}

int test_stdio(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_are_handed_on),
		cmocka_unit_test(its_end_is_told),
		cmocka_unit_test_setup_teardown(a_supervisor_that_has_gone_is_the_reason, tempdir_setup,
		                                tempdir_teardown),
		cmocka_unit_test_setup_teardown(in_the_foreground_nothing_is_started, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(signals_are_told),
		cmocka_unit_test_setup_teardown(pid_file, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(status_after_the_vm, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(where_the_agent_is),
		cmocka_unit_test(terminals),
	};

	return cmocka_run_group_tests_name("stdio", tests, NULL, NULL);
}
