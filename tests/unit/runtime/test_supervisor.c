/* SPDX-License-Identifier: Apache-2.0 */
/* A supervisor in a forked child, with a socket as its fd 0, as the verb that starts it has it. */
#include "runtime/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/log.h"
#include "runtime/ask.h"
#include "runtime/place.h"
#include "runtime/wire.h"
#include "tests/lib/config.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define PATIENCE_MS 30000

struct fixture {
	void *dir;
	const char *root;
	pid_t pid;
	int first; /* the connection that it was started with */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || tempdir_setup(&f->dir) < 0)
		return -1;
	f->root = ((const struct tempdir *)f->dir)->path;
	f->first = -EBADF;
	/* As verbs have it. */
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(place_make(f->root, "pod", NULL), 0);
	*state = f;
	return 0;
}

/* Its exit status, or 128 + the signal. */
static int reap(struct fixture *f)
{
	int status = 0;

	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	f->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->pid > 0) {
		(void)kill(f->pid, SIGKILL);
		(void)reap(f);
	}
	(void)signal(SIGPIPE, SIG_DFL);
	(void)fd_close(f->first);
	(void)tempdir_teardown(&f->dir);
	free(f);
	return 0;
}

static void swallow(void *arg, enum log_level level, const char *line, size_t len)
{
	(void)arg;
	(void)level;
	(void)line;
	(void)len;
}

/* Its log is no part of the test, nor is the machine's. */
_Noreturn static void be_supervisor(struct fixture *f, int fd)
{
	int null = open("/dev/null", O_RDWR);

	(void)alarm(60);
	if (null < 0 || dup2(fd, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(120);
	(void)syscall(SYS_close_range, 3, ~0u, 0);
	log_set_sink(swallow, NULL);
	_exit(supervisor_main(f->root, "pod"));
}

static void start(struct fixture *f)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0)
		be_supervisor(f, fds[1]);
	(void)close(fds[1]);
	f->first = fds[0];
}

static int ask(int fd, const char *verb, struct err *err)
{
	_autojson_ struct json_object *request = ask_new(verb, "web");

	return wire_ask(fd, request, PATIENCE_MS, NULL, err);
}

static int ask_anew(struct fixture *f, const char *verb, struct err *err)
{
	_autofree_ char *path = place_path(f->root, "pod", SUPERVISOR_SOCKET);
	_autoclose_ int fd = wire_connect(path, err);

	return fd < 0 ? fd : ask(fd, verb, err);
}

static void unknown_verbs_are_named(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	start(f);
	assert_int_equal(ask(f->first, "frob", &err), -EOPNOTSUPP);
	assert_string_equal(err_text(&err), "supervisor: unknown request 'frob'");
	assert_int_equal(ask_anew(f, "start", &err), -ENOENT);
	assert_string_equal(err_text(&err), "container 'web' does not exist");
	assert_int_equal(kill(f->pid, 0), 0);
}

/* Every verb has somebody who answers it: none of these knows the container, or has what it needs. */
static void all_verbs_are_served(void **state)
{
	static const char *const verbs[] = { "start", "attach", "kill",   "delete", "exec",
		                             "pause", "resume", "update", "stats",  "ps" };
	struct fixture *f = *state;

	start(f);
	/* It listens before it answers. */
	assert_int_equal(ask(f->first, "frob", NULL), -EOPNOTSUPP);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(ask_anew(f, verbs[i], &err), -ENOENT);
		assert_string_equal(err_text(&err), "container 'web' does not exist");
	}
}

/* What fails to be created leaves no supervisor; its answer comes before its end. */
static void a_create_that_fails_is_its_end(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	start(f);
	assert_int_equal(ask(f->first, "create", &err), -EINVAL);
	assert_string_equal(err_text(&err), "create container 'web': id and bundle are needed");
	assert_int_equal(reap(f), 0);
	/* Whoever comes later finds nobody. */
	assert_true(ask_anew(f, "start", &err) < 0);
}

/* Signals of the terminal or of an engine that kills all it has started are not its end. */
static void signals_are_no_end(void **state)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE };
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	start(f);
	assert_int_equal(ask(f->first, "frob", &err), -EOPNOTSUPP);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		assert_int_equal(kill(f->pid, signals[i]), 0);
	assert_int_equal(ask_anew(f, "frob", &err), -EOPNOTSUPP);
}

/* The verb was killed before it asked; others may ask. */
static void its_starter_may_go_away(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	_autofree_ char *path = place_path(f->root, "pod", SUPERVISOR_SOCKET);

	start(f);
	assert_int_equal(write(f->first, "{\"verb\":", 8), 8);
	/* It listens before it reads. */
	for (int i = 0; i < 3000 && access(path, F_OK) < 0; i++)
		(void)poll(NULL, 0, 10);
	f->first = fd_close(f->first);
	assert_int_equal(ask_anew(f, "frob", &err), -EOPNOTSUPP);
}

/* Its socket is for nobody else, and its state says who it is. */
static void what_it_makes_is_its_owners(void **state)
{
	struct fixture *f = *state;
	_autojson_ struct json_object *json = NULL;
	_autofree_ char *path = place_path(f->root, "pod", SUPERVISOR_SOCKET);
	struct json_object *pid;
	struct err err = ERR_INIT;
	struct stat st;

	start(f);
	assert_int_equal(ask(f->first, "frob", &err), -EOPNOTSUPP);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	assert_int_equal(place_read_state(f->root, "pod", &json, NULL), 0);
	pid = config_find(json, "supervisor.pid");
	assert_non_null(pid);
	assert_int_equal(json_object_get_int(pid), f->pid);
}

/* Without its directory it cannot listen: whoever waits for it is told why. */
static void what_stops_it_is_told_to_its_starter(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(place_remove(f->root, "pod", NULL), 0);
	start(f);
	assert_int_equal(ask(f->first, "create", &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), SUPERVISOR_SOCKET));
	assert_int_equal(reap(f), 1);
}

/* This program knows no verb "supervise" and ends: as a supervisor that dies at once. */
static void one_that_dies_at_once_is_no_wait(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	f->first = supervisor_start(f->root, "pod", &err);
	assert_true(f->first >= 0);
	assert_true(fcntl(f->first, F_GETFD) & FD_CLOEXEC);
	assert_true(ask(f->first, "create", &err) < 0);
	assert_string_equal(err_text(&err), "the sandbox's supervisor ended before it answered");
	assert_true(waitpid(-1, NULL, 0) > 0);
}

static void one_without_a_log_is_not_started(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(place_remove(f->root, "pod", NULL), 0);
	assert_int_equal(supervisor_start(f->root, "pod", &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), "pod/supervisor.log"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int test_supervisor(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unknown_verbs_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(all_verbs_are_served, setup, teardown),
		cmocka_unit_test_setup_teardown(a_create_that_fails_is_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_are_no_end, setup, teardown),
		cmocka_unit_test_setup_teardown(its_starter_may_go_away, setup, teardown),
		cmocka_unit_test_setup_teardown(what_it_makes_is_its_owners, setup, teardown),
		cmocka_unit_test_setup_teardown(what_stops_it_is_told_to_its_starter, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_dies_at_once_is_no_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(one_without_a_log_is_not_started, setup, teardown),
	};

	return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
