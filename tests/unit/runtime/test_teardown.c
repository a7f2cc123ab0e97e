/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/teardown.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/procstart.h"
#include "runtime/place.h"
#include "runtime/supervisor.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	(void)alarm(60);
	for (;;)
		(void)pause();
}

/* The status that it ended with; it must be over already. */
static int reap(pid_t pid)
{
	int status = 0;

	for (int i = 0; i < 500; i++) {
		pid_t r = waitpid(pid, &status, WNOHANG);

		if (r == pid)
			return WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status);
		(void)usleep(10000);
	}
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, &status, 0);
	return -1;
}

static struct json_object *process(pid_t pid, int64_t later)
{
	struct json_object *o = json_object_new_object();
	uint64_t start = 0;

	assert_int_equal(proc_start_time(pid, &start), 0);
	(void)json_object_object_add(o, "pid", json_object_new_int(pid));
	(void)json_object_object_add(o, "start", json_object_new_int64((int64_t)start + later));
	return o;
}

static struct json_object *processes(pid_t pid, int64_t later)
{
	struct json_object *array = json_object_new_array();

	(void)json_object_array_add(array, process(pid, later));
	return array;
}

static void put_sandbox(const char *root, struct json_object *state)
{
	assert_int_equal(place_make(root, "pod", NULL), 0);
	assert_int_equal(place_link(root, "pod", "pod", NULL), 0);
	assert_int_equal(place_link(root, "web", "pod", NULL), 0);
	if (state)
		assert_int_equal(place_write_state(root, "pod", state, NULL), 0);
	(void)json_object_put(state);
}

static void expect_nothing(const char *root)
{
	_autofree_ char *dir = place_path(root, "pod", NULL), *sandbox = NULL;

	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(place_find(root, "pod", &sandbox, NULL), -ENOENT);
	assert_int_equal(place_find(root, "web", &sandbox, NULL), -ENOENT);
}

static void nothing_is_no_error(void **state)
{
	const struct tempdir *dir = *state;
	struct err err = ERR_INIT;

	assert_int_equal(teardown_sandbox(dir->path, "pod", &err), 0);
	put_sandbox(dir->path, NULL);
	assert_int_equal(teardown_sandbox(dir->path, "pod", &err), 0);
	expect_nothing(dir->path);
}

/* The supervisor was killed and its children live: a stdio process, QEMU. */
static void what_is_left_is_killed(void **state)
{
	const struct tempdir *dir = *state;
	struct json_object *json = json_object_new_object();
	pid_t qemu = start_sleeper();

	(void)json_object_object_add(json, "processes", processes(qemu, 0));
	put_sandbox(dir->path, json);
	assert_int_equal(teardown_sandbox(dir->path, "pod", NULL), 0);
	assert_int_equal(reap(qemu), SIGKILL);
	expect_nothing(dir->path);
}

/* A pid that belongs to somebody else by now is left in peace, and so is what is no list. */
static void strangers_live(void **state)
{
	const struct tempdir *dir = *state;
	struct json_object *json = json_object_new_object();
	pid_t stranger = start_sleeper();

	(void)json_object_object_add(json, "supervisor", process(stranger, 1));
	(void)json_object_object_add(json, "processes", processes(stranger, -1));
	(void)json_object_object_add(json, "containers", json_object_new_string("none"));
	put_sandbox(dir->path, json);
	assert_int_equal(teardown_sandbox(dir->path, "pod", NULL), 0);
	assert_int_equal(kill(stranger, 0), 0);
	assert_int_equal(kill(stranger, SIGUSR1), 0);
	assert_int_equal(reap(stranger), SIGUSR1);
	expect_nothing(dir->path);
}

static void a_broken_state_is_removed(void **state)
{
	const struct tempdir *dir = *state;

	put_sandbox(dir->path, NULL);
	tempdir_write(dir, "pod/state.json", "{\"supervisor\":");
	assert_int_equal(teardown_sandbox(dir->path, "pod", NULL), 0);
	expect_nothing(dir->path);
}

struct asked {
	int listener;
	const char *root;
	pid_t supervisor, started;
	char line[256];
};

/* A supervisor that starts something at the last moment, says so in its state, and ends. */
static void *serve(void *arg)
{
	struct asked *a = arg;
	struct json_object *state = json_object_new_object();
	struct pollfd p = { .fd = a->listener, .events = POLLIN };
	_autoclose_ int fd = -EBADF;
	ssize_t n;

	(void)poll(&p, 1, 10000);
	fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC);
	n = fd >= 0 ? read(fd, a->line, sizeof(a->line) - 1) : -1;
	a->line[n > 0 ? n : 0] = '\0';
	a->line[strcspn(a->line, "\n")] = '\0';
	(void)json_object_object_add(state, "processes", processes(a->started, 0));
	(void)place_write_state(a->root, "pod", state, NULL);
	(void)json_object_put(state);
	(void)kill(a->supervisor, SIGTERM);
	(void)dprintf(fd, "{\"result\":null}\n");
	return NULL;
}

static void a_supervisor_is_asked_first(void **state)
{
	const struct tempdir *dir = *state;
	struct asked a = { .root = dir->path, .supervisor = start_sleeper(), .started = start_sleeper() };
	struct addr address = { .kind = ADDR_UNIX };
	struct json_object *json = json_object_new_object();
	pthread_t thread;

	(void)json_object_object_add(json, "supervisor", process(a.supervisor, 0));
	put_sandbox(dir->path, json);
	(void)snprintf(address.path, sizeof(address.path), "%s/pod/%s", dir->path, SUPERVISOR_SOCKET);
	a.listener = addr_listen(&address, 1, NULL);
	assert_true(a.listener >= 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &a), 0);
	assert_int_equal(teardown_sandbox(dir->path, "pod", NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(a.listener);
	assert_string_equal(a.line, "{\"verb\":\"delete\",\"id\":\"pod\"}");
	assert_int_equal(reap(a.supervisor), SIGTERM);
	assert_int_equal(reap(a.started), SIGKILL);
	expect_nothing(dir->path);
}

int test_teardown(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_no_error, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(what_is_left_is_killed, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(strangers_live, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_broken_state_is_removed, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_supervisor_is_asked_first, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("teardown", tests, NULL, NULL);
}
