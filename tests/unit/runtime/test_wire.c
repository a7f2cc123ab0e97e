/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define LONG (1 << 20) /* more than a socket holds */

struct server {
	struct loop *loop;
	struct wire wire;
	int handled;
};

/* What a test's verb asks for: an answer, an error. */
static void handle(void *arg, struct wire_request *request)
{
	struct server *s = arg;
	const char *verb = wire_text(request, "verb");
	struct err err = ERR_INIT;

	s->handled++;
	if (verb && strcmp(verb, "echo") == 0) {
		wire_answer(request, json_object_new_string(wire_text(request, "id")));
		return;
	}
	if (verb && strcmp(verb, "long") == 0) {
		_autofree_ char *text = malloc(LONG);

		assert_non_null(text);
		memset(text, 'x', LONG);
		wire_answer(request, json_object_new_string_len(text, LONG));
		return;
	}
	(void)err_say(&err, ENOENT, "no verb '%s'", verb ? verb : "");
	wire_fail(request, &err);
}

static void *serve(void *arg)
{
	struct server *s = arg;

	for (int i = 0; i < 1000 && (s->handled == 0 || loop_count(s->loop) > 1); i++)
		(void)loop_turn(s->loop, 100);
	return NULL;
}

/* The client's side in this thread, the server's in another. */
static int ask(const char *dir, const char *request, struct json_object **ret, struct err *err)
{
	_autojson_ struct json_object *json = json_tokener_parse(request);
	_autofree_ char *path = NULL;
	_autoclose_ int fd = -EBADF;
	struct server s = { .handled = 0 };
	pthread_t thread;
	int r;

	assert_true(asprintf(&path, "%s/s", dir) > 0);
	assert_int_equal(loop_new(&s.loop), 0);
	assert_int_equal(wire_listen(&s.wire, s.loop, path, handle, &s, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
	fd = wire_connect(path, err);
	r = fd < 0 ? fd : wire_ask(fd, json, 10000, ret, err);
	assert_int_equal(pthread_join(thread, NULL), 0);
	wire_done(&s.wire);
	(void)loop_free(s.loop);
	return r;
}

static void answers_and_errors_come_back(void **state)
{
	const struct tempdir *dir = *state;
	_autojson_ struct json_object *answer = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(ask(dir->path, "{\"verb\":\"echo\",\"id\":\"a\\nb\"}", &answer, &err), 0);
	assert_string_equal(json_object_get_string(answer), "a\nb");
	assert_int_equal(ask(dir->path, "{\"verb\":\"frob\"}", NULL, &err), -ENOENT);
	assert_string_equal(err_text(&err), "no verb 'frob'");
	assert_int_equal(ask(dir->path, "{\"verb\":7}", NULL, &err), -ENOENT);
	assert_string_equal(err_text(&err), "no verb ''");
}

static void a_long_answer_comes_back_whole(void **state)
{
	const struct tempdir *dir = *state;
	_autojson_ struct json_object *answer = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(ask(dir->path, "{\"verb\":\"long\"}", &answer, &err), 0);
	assert_int_equal(json_object_get_string_len(answer), LONG);
}

/* It is written no further, and nothing of it is left. */
static void a_peer_that_goes_away_in_an_answer_is_forgotten(void **state)
{
	static const char request[] = "{\"verb\":\"long\"}\n";
	const struct tempdir *dir = *state;
	struct server s = { .handled = 0 };
	_autofree_ char *path = NULL;
	int fds[2];

	assert_true(asprintf(&path, "%s/s", dir->path) > 0);
	assert_int_equal(loop_new(&s.loop), 0);
	assert_int_equal(wire_listen(&s.wire, s.loop, path, handle, &s, NULL), 0);
	for (int is_over = 0; is_over < 2; is_over++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(wire_adopt(&s.wire, fds[0]), 0);
		assert_int_equal(fd_write_all(fds[1], request, strlen(request)), 0);
		assert_int_equal(loop_turn(s.loop, 1000), 0);
		assert_int_equal(loop_turn(s.loop, 0), 0);
		assert_int_equal(loop_count(s.loop), 2);
		if (is_over)
			wire_done(&s.wire);
		(void)fd_close(fds[1]);
		assert_int_equal(loop_turn(s.loop, 0), 0);
		assert_int_equal(loop_count(s.loop), is_over ? 0 : 1);
	}
	(void)loop_free(s.loop);
}

/* What is no request gets an error, never the handler; a peer that goes away is no harm. */
static void nonsense_is_refused(void **state)
{
	static const char *const lines[] = { "nonsense\n", "[]\n", "\"text\"\n", "{} more\n" };
	const struct tempdir *dir = *state;
	struct server s = { .handled = 0 };
	_autofree_ char *path = NULL;
	char answer[256];
	ssize_t n;
	int fds[2];

	assert_true(asprintf(&path, "%s/s", dir->path) > 0);
	assert_int_equal(loop_new(&s.loop), 0);
	assert_int_equal(wire_listen(&s.wire, s.loop, path, handle, &s, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(wire_adopt(&s.wire, fds[0]), 0);
		assert_int_equal(fd_write_all(fds[1], lines[i], strlen(lines[i])), 0);
		assert_int_equal(loop_turn(s.loop, 1000), 0);
		n = recv(fds[1], answer, sizeof(answer) - 1, MSG_DONTWAIT);
		assert_true(n > 0);
		answer[n] = '\0';
		assert_non_null(strstr(answer, "\"error\""));
		(void)fd_close(fds[1]);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(wire_adopt(&s.wire, fds[0]), 0);
	assert_int_equal(fd_write_all(fds[1], "{\"verb\"", 7), 0);
	(void)fd_close(fds[1]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(s.loop, 10), 0);
	assert_int_equal(loop_count(s.loop), 1);
	assert_int_equal(s.handled, 0);
	wire_done(&s.wire);
	(void)loop_free(s.loop);
}

/* Somebody who does not answer is not waited for when something else happens. */
static void a_question_is_given_up(void **state)
{
	_autojson_ struct json_object *json = json_tokener_parse("{\"verb\":\"x\"}");
	struct err err = ERR_INIT;
	int peer[2], other[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, peer), 0);
	assert_int_equal(pipe(other), 0);
	assert_int_equal(wire_ask_unless(peer[0], other[0], json, 1, NULL, &err), -ETIMEDOUT);
	assert_int_equal(write(other[1], "x", 1), 1);
	err = (struct err)ERR_INIT;
	assert_int_equal(wire_ask_unless(peer[0], other[0], json, 60000, NULL, &err), -EINTR);
	assert_string_equal(err_text(&err), "interrupted");
	for (size_t i = 0; i < 2; i++) {
		(void)fd_close(peer[i]);
		(void)fd_close(other[i]);
	}
}

static void nobody_there(void **state)
{
	const struct tempdir *dir = *state;
	_autofree_ char *path = NULL;
	struct err err = ERR_INIT;

	assert_true(asprintf(&path, "%s/s", dir->path) > 0);
	assert_int_equal(wire_connect(path, &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), path));
}

int test_wire(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_and_errors_come_back, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_long_answer_comes_back_whole, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_peer_that_goes_away_in_an_answer_is_forgotten, tempdir_setup,
		                                tempdir_teardown),
		cmocka_unit_test_setup_teardown(nonsense_is_refused, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(a_question_is_given_up),
		cmocka_unit_test_setup_teardown(nobody_there, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
