/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/remove.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/procstart.h"
#include "runtime/place.h"
#include "runtime/supervisor.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define PATIENCE_MS 30000

struct supervisor {
	int listener;
	const char *answer; /* NULL = it ends without one */
};

/* A container "web" in "pod", whose supervisor is this process. */
static void put_container(const struct tempdir *dir, const char *status)
{
	struct json_object *state;
	uint64_t start = 0;
	char text[256];

	assert_int_equal(proc_start_time(getpid(), &start), 0);
	(void)snprintf(
		text, sizeof(text),
		"{\"supervisor\":{\"pid\":%d,\"start\":%llu},\"containers\":[{\"id\":\"web\",\"status\":\"%s\"}]}",
		(int)getpid(), (unsigned long long)start, status);
	state = json_tokener_parse(text);
	assert_non_null(state);
	(void)place_make(dir->path, "pod", NULL);
	assert_int_equal(place_link(dir->path, "web", "pod", NULL), 0);
	assert_int_equal(place_write_state(dir->path, "pod", state, NULL), 0);
	(void)json_object_put(state);
}

static bool has_name(const struct tempdir *dir)
{
	_autofree_ char *sandbox = NULL;

	return place_find(dir->path, "web", &sandbox, NULL) == 0;
}

/* No assert: it is no thread of cmocka's. */
static void *supervise(void *arg)
{
	const struct supervisor *s = arg;
	struct pollfd p = { .fd = s->listener, .events = POLLIN };
	char line[256];
	int fd;

	(void)poll(&p, 1, PATIENCE_MS);
	fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (read(fd, line, sizeof(line)) > 0 && s->answer)
		(void)fd_write_all(fd, s->answer, strlen(s->answer));
	(void)close(fd);
	return NULL;
}

/* What the supervisor answers decides whether the name goes. */
static void its_supervisor_is_asked(void **state)
{
	static const struct {
		const char *answer;
		int r;
	} table[] = {
		{ "{\"result\":null}\n", 0 },
		{ "{\"errno\":16,\"error\":\"busy\"}\n", -EBUSY },
		/* Somebody else was faster. */
		{ "{\"errno\":2,\"error\":\"container 'web' does not exist\"}\n", 0 },
		/* Nobody knows how far it got: to be asked again. */
		{ NULL, -ECONNRESET },
	};
	const struct tempdir *dir = *state;
	const struct runtime rt = { .root = dir->path };
	struct addr a = { .kind = ADDR_UNIX };
	struct supervisor s;
	pthread_t thread;

	assert_int_equal(place_make(dir->path, "pod", NULL), 0);
	(void)snprintf(a.path, sizeof(a.path), "%s/pod/%s", dir->path, SUPERVISOR_SOCKET);
	s.listener = addr_listen(&a, 4, NULL);
	assert_true(s.listener >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		s.answer = table[i].answer;
		put_container(dir, "stopped");
		assert_int_equal(pthread_create(&thread, NULL, supervise, &s), 0);
		assert_int_equal(remove_container(&rt, "web", false, NULL), table[i].r);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(has_name(dir), table[i].r < 0);
		place_unlink(dir->path, "web");
	}
	(void)close(s.listener);
}

/* It lived when the state was read. */
static void a_supervisor_that_has_gone_is_no_reason(void **state)
{
	const struct tempdir *dir = *state;
	const struct runtime rt = { .root = dir->path };

	put_container(dir, "stopped");
	assert_int_equal(remove_container(&rt, "web", false, NULL), 0);
	assert_false(has_name(dir));
}

static void what_runs_stays(void **state)
{
	const struct tempdir *dir = *state;
	const struct runtime rt = { .root = dir->path };
	struct err err = ERR_INIT;

	put_container(dir, "running");
	assert_int_equal(remove_container(&rt, "web", false, &err), -EBUSY);
	assert_string_equal(err_text(&err), "delete container 'web': it is running, should be stopped");
	assert_true(has_name(dir));
	/* By force it is asked for, and there is nobody. */
	assert_int_equal(remove_container(&rt, "web", true, &err), 0);
	assert_false(has_name(dir));
}

static void what_is_not_there_is_an_error_but_by_force(void **state)
{
	const struct tempdir *dir = *state;
	const struct runtime rt = { .root = dir->path };

	assert_int_equal(remove_container(&rt, "web", false, NULL), -ENOENT);
	assert_int_equal(remove_container(&rt, "web", true, NULL), 0);
}

static int setup(void **state)
{
	/* As verbs have it. */
	(void)signal(SIGPIPE, SIG_IGN);
	return tempdir_setup(state);
}

static int teardown(void **state)
{
	(void)signal(SIGPIPE, SIG_DFL);
	return tempdir_teardown(state);
}

int test_remove(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(its_supervisor_is_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_supervisor_that_has_gone_is_no_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(what_runs_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_an_error_but_by_force, setup, teardown),
	};

	return cmocka_run_group_tests_name("remove", tests, NULL, NULL);
}
