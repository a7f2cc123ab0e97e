/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

/* The connection, the other end of it, and what was told. */
struct fixture {
	struct loop *loop;
	struct qmp *qmp;
	int peer;
	char log[1024];
};

static void note(struct fixture *f, const char *what, const char *detail)
{
	size_t n = strlen(f->log);

	(void)snprintf(f->log + n, sizeof(f->log) - n, "%s%s=%s", n ? " " : "", what, detail);
}

static void on_event(void *arg, const char *name, struct json_object *data)
{
	note(arg, name, data ? json_object_to_json_string_ext(data, JSON_C_TO_STRING_PLAIN) : "-");
}

static void on_closed(void *arg, const struct err *err)
{
	note(arg, "closed", err->text);
}

static void on_done(void *arg, int rc, struct json_object *result, const struct err *err)
{
	note(arg, "done", rc == 0 ? json_object_to_json_string_ext(result, JSON_C_TO_STRING_PLAIN) : err->text);
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	int pair[2];

	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	f->peer = pair[1];
	assert_int_equal(qmp_new(f->loop, pair[0], &(struct qmp_watcher){ on_event, on_closed, f }, &f->qmp), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->qmp = qmp_free(f->qmp);
	assert_int_equal(loop_count(f->loop), 0);
	f->loop = loop_free(f->loop);
	(void)fd_close(f->peer);
	test_free(f);
	return 0;
}

static void say(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->peer, text, strlen(text)), (ssize_t)strlen(text));
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->loop, 0), 0);
}

/* What the peer was sent since the last time; "" if nothing. */
static const char *heard(struct fixture *f)
{
	static char text[1024];
	ssize_t n = read(f->peer, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void greet(struct fixture *f)
{
	say(f, GREETING);
	assert_string_equal(heard(f), "{\"execute\":\"qmp_capabilities\"}");
	say(f, "{\"return\": {}}\r\n");
}

static void commands_go_one_after_the_other(void **state)
{
	struct fixture *f = *state;
	struct json_object *arguments = json_object_new_object();

	assert_string_equal(heard(f), "");
	(void)json_object_object_add(arguments, "id", json_object_new_string("cpu-1"));
	assert_int_equal(qmp_command(f->qmp, "device_del", arguments, -1, 1000, on_done, f), 0);
	assert_int_equal(qmp_command(f->qmp, "query-status", NULL, -1, 1000, on_done, f), 0);
	greet(f);
	assert_string_equal(heard(f), "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"cpu-1\"}}");
	say(f, "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'cpu-1' not found\"}}\r\n");
	assert_string_equal(heard(f), "{\"execute\":\"query-status\"}");
	say(f, "{\"return\": {\"running\"");
	say(f, ": true}}\n");
	assert_string_equal(f->log, "done=QMP device_del: Device 'cpu-1' not found done={\"running\":true}");
}

static void events_come_between_answers(void **state)
{
	struct fixture *f = *state;

	greet(f);
	say(f, "{\"timestamp\": {}, \"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"d\"}}\r\n{\"event\": "
	       "\"STOP\"}\r\n");
	assert_string_equal(f->log, "DEVICE_DELETED={\"device\":\"d\"} STOP=-");
}

static void an_fd_goes_along(void **state)
{
	struct fixture *f = *state;
	char text[128];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { text, sizeof(text) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	int pipe_fds[2], got;

	greet(f);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(qmp_command(f->qmp, "getfd", NULL, pipe_fds[1], 1000, on_done, f), 0);
	assert_true(recvmsg(f->peer, &message, MSG_CMSG_CLOEXEC) > 0);
	assert_int_equal(control.header.cmsg_type, SCM_RIGHTS);
	memcpy(&got, CMSG_DATA(&control.header), sizeof(got));
	assert_int_equal(write(got, "x", 1), 1);
	assert_int_equal(read(pipe_fds[0], text, 1), 1);
	(void)fd_close(got);
	(void)fd_close(pipe_fds[0]);
	(void)fd_close(pipe_fds[1]);
}

static void a_late_answer_is_dropped(void **state)
{
	struct fixture *f = *state;

	greet(f);
	assert_int_equal(qmp_command(f->qmp, "stop", NULL, -1, 1, on_done, f), 0);
	for (int i = 0; i < 100 && !*f->log; i++)
		assert_int_equal(loop_turn(f->loop, 100), 0);
	assert_string_equal(f->log, "done=QMP stop: no answer in time");
	assert_int_equal(qmp_command(f->qmp, "cont", NULL, -1, 1000, on_done, f), 0);
	say(f, "{\"return\": {\"of\": \"stop\"}}\n{\"return\": {\"of\": \"cont\"}}\n");
	assert_string_equal(f->log, "done=QMP stop: no answer in time done={\"of\":\"cont\"}");
}

static void the_end_is_told_to_all(void **state)
{
	struct fixture *f = *state;

	greet(f);
	assert_int_equal(qmp_command(f->qmp, "stop", NULL, -1, 1000, on_done, f), 0);
	assert_int_equal(qmp_command(f->qmp, "cont", NULL, -1, 1000, on_done, f), 0);
	f->peer = fd_close(f->peer);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->loop, 0), 0);
	assert_string_equal(
		f->log, "done=QMP: the hypervisor has closed the connection done=QMP: the hypervisor has closed the "
			"connection closed=QMP: the hypervisor has closed the connection");
	assert_int_equal(qmp_command(f->qmp, "quit", NULL, -1, 1000, on_done, f), -EPIPE);
}

static void nonsense_ends_the_connection(void **state)
{
	struct fixture *f = *state;

	greet(f);
	say(f, "{nonsense}\n");
	assert_non_null(strstr(f->log, "closed=QMP: parse JSON"));
}

static void answers_without_a_question_are_ignored(void **state)
{
	struct fixture *f = *state;

	say(f, "{\"return\": {}}\n");
	greet(f);
	say(f, "{\"return\": 1}\n{\"error\": {}}\n[]\n");
	assert_string_equal(f->log, "");
}

int test_qmp(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commands_go_one_after_the_other, setup, teardown),
		cmocka_unit_test_setup_teardown(events_come_between_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(an_fd_goes_along, setup, teardown),
		cmocka_unit_test_setup_teardown(a_late_answer_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_is_told_to_all, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense_ends_the_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_without_a_question_are_ignored, setup, teardown),
	};

	return cmocka_run_group_tests_name("qmp", tests, NULL, NULL);
}
