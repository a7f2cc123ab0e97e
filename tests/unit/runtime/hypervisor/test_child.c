/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define PATIENCE_MS 30000 /* before a test gives up; nothing takes that long */

struct fixture {
	void *dir;
	struct loop *loop;
	struct child child;
	int n_ended;
	char log[96];
};

static void on_ended(struct child *child)
{
	struct fixture *f = child->owner;

	f->n_ended++;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct tempdir *dir;

	if (!f || tempdir_setup(&f->dir) < 0)
		return -1;
	dir = f->dir;
	(void)snprintf(f->log, sizeof(f->log), "%s/log", dir->path);
	f->child.source.fd = -EBADF;
	f->child.owner = f;
	f->child.ended = on_ended;
	*state = f;
	return loop_new(&f->loop);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	child_done(&f->child);
	assert_int_equal(loop_count(f->loop), 0);
	(void)loop_free(f->loop);
	(void)tempdir_teardown(&f->dir);
	free(f);
	return 0;
}

/* argv[0] is a path. */
static int start(struct fixture *f, char *const *argv, struct err *err)
{
	const struct child_spec spec = { .name = "prog", .argv = argv, .log = f->log, .stdin_fd = -1 };

	return child_start(f->loop, &f->child, &spec, err);
}

static void start_shell(struct fixture *f, const char *script)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };

	assert_int_equal(start(f, argv, NULL), 0);
}

static void wait_end(struct fixture *f)
{
	int64_t deadline = sys_now_ms() + PATIENCE_MS;

	while (f->n_ended == 0 && sys_now_ms() < deadline)
		assert_int_equal(loop_turn(f->loop, 100), 0);
	assert_int_equal(f->n_ended, 1);
	assert_false(f->child.is_running);
}

/* Its end is told once, with the status, and nothing of it stays: no zombie, no fd. */
static void its_end_is_told(void **state)
{
	static const struct {
		const char *script;
		int status;
	} table[] = { { "exit 0", 0 }, { "exit 3", 3 }, { "kill -KILL $$", 137 }, { "kill -TERM $$", 143 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		pid_t pid;

		f->n_ended = 0;
		start_shell(f, table[i].script);
		pid = f->child.pid;
		assert_true(pid > 0 && f->child.is_running);
		wait_end(f);
		assert_int_equal(f->child.status, table[i].status);
		assert_int_equal(f->child.pid, pid);
		assert_int_equal(f->child.source.fd, -EBADF);
		assert_int_equal(loop_count(f->loop), 0);
		assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
	}
}

/* By then the pid may be somebody else's. */
static void one_that_has_ended_is_left_alone(void **state)
{
	struct fixture *f = *state;

	start_shell(f, "exit 4");
	wait_end(f);
	child_kill(&f->child);
	child_done(&f->child);
	child_done(&f->child);
	assert_int_equal(f->child.status, 4);
	assert_int_equal(f->n_ended, 1);
}

static void done_kills_and_reaps(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	start_shell(f, "exec sleep 60");
	pid = f->child.pid;
	assert_true(f->child.start_time > 0);
	child_done(&f->child);
	assert_int_equal(f->child.status, 128 + SIGKILL);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(f->n_ended, 0);
}

static void a_kill_is_told_as_an_end(void **state)
{
	struct fixture *f = *state;

	start_shell(f, "exec sleep 60");
	child_kill(&f->child);
	assert_true(f->child.is_running);
	wait_end(f);
	assert_int_equal(f->child.status, 128 + SIGKILL);
}

/* What each start says stands behind what was there; stdin is empty. */
static void its_words_go_to_the_log(void **state)
{
	struct fixture *f = *state;
	_autofree_ char *text = NULL, *line = NULL;
	size_t n;

	start_shell(f, "echo one; cat");
	wait_end(f);
	f->n_ended = 0;
	start_shell(f, "echo two >&2; exit 1");
	wait_end(f);
	assert_int_equal(fd_read_file_at(AT_FDCWD, f->log, 4096, &text, &n), 0);
	assert_string_equal(text, "one\ntwo\n");
	line = child_last_line(f->log);
	assert_string_equal(line, "two");
}

static void the_last_line_is_found(void **state)
{
	static const struct {
		const char *text, *line;
	} table[] = {
		{ "one", "one" },       { "one\n", "one" }, { "one\ntwo", "two" }, { "one\ntwo\n\n\n", "two" },
		{ "\n\ntwo\n", "two" }, { "", NULL },       { "\n\n", NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autofree_ char *line = NULL;

		tempdir_write(f->dir, "log", table[i].text);
		line = child_last_line(f->log);
		assert_int_equal(line != NULL, table[i].line != NULL);
		if (line)
			assert_string_equal(line, table[i].line);
	}
	(void)unlink(f->log);
	assert_null(child_last_line(f->log));
}

/* What it gets is what it is given: two files as 3 and 4, PATH, no fd of ours, a session of its own. */
static void it_inherits_what_it_is_given(void **state)
{
	struct fixture *f = *state;
	char *argv[] = { (char *)"/bin/sh", (char *)"-c",
		         (char *)"cat <&4; cat <&3; i=5; while [ $i -lt 64 ]; do [ ! -e /proc/$$/fd/$i ] || echo $i; "
		                 "i=$((i + 1)); done; cat /proc/$$/environ; cat /proc/$$/stat",
		         NULL };
	_autoclose_ int in = sys_openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
	struct child_spec spec = { .name = "prog", .argv = argv, .log = f->log, .stdin_fd = in, .n_fds = 2 };
	int pipes[2][2], fds[2], pid, session, stray;
	_autofree_ char *text = NULL;
	size_t n;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
		assert_int_equal(write(pipes[i][1], i ? "b" : "a", 1), 1);
		(void)close(pipes[i][1]);
		fds[i] = pipes[i][0];
	}
	spec.fds = fds;
	/* Of somebody who does not know of CLOEXEC. */
	stray = dup(in);
	assert_true(stray >= 0);
	assert_int_equal(child_start(f->loop, &f->child, &spec, NULL), 0);
	wait_end(f);
	assert_int_equal(fd_read_file_at(AT_FDCWD, f->log, 4096, &text, &n), 0);
	pid = f->child.pid;
	assert_memory_equal(text, "baPATH=/", 8);
	/* The environment ends with its first NUL. */
	assert_int_equal(sscanf(text + strlen(text) + 1, "%*d (sh) %*c %*d %*d %d", &session), 1);
	assert_int_equal(session, pid);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(stray);
}

static void what_cannot_start_is_named(void **state)
{
	struct fixture *f = *state;
	char *argv[] = { (char *)"/nonexistent/prog", NULL };
	struct err err = ERR_INIT;

	assert_int_equal(start(f, argv, &err), -ENOENT);
	assert_string_equal(err_text(&err), "run '/nonexistent/prog': No such file or directory");
	assert_false(f->child.is_running);
	assert_int_equal(f->child.pid, 0);
	child_done(&f->child);
	(void)snprintf(f->log, sizeof(f->log), "/nonexistent/log");
	assert_int_equal(start(f, argv, &err), -ENOENT);
	assert_string_equal(err_text(&err), "open '/nonexistent/log': No such file or directory");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Whoever kills us with SIGKILL has not left it behind. */
static void it_dies_with_us(void **state)
{
	struct fixture *f = *state;
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)"echo x >&3; exec sleep 60", NULL };
	struct child_spec spec = { .name = "prog", .argv = argv, .log = f->log, .stdin_fd = -1, .n_fds = 1 };
	struct pollfd p = { .events = POLLIN };
	int fds[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.fds = &fds[1];
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(60);
		if (child_start(f->loop, &f->child, &spec, NULL) < 0)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(fds[1]);
	p.fd = fds[0];
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(read(fds[0], &c, 1), 1);
	while (c != '\n')
		assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* The pipe ends when its last writer does. */
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(read(fds[0], &c, 1), 0);
	(void)close(fds[0]);
}

int test_child(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(its_end_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_has_ended_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(done_kills_and_reaps, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kill_is_told_as_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(its_words_go_to_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_line_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(it_inherits_what_it_is_given, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_start_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(it_dies_with_us, setup, teardown),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
