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
#include "tests/unit/runtime/hypervisor/fakeqmp.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

/* The connection, the other end of it, and what was told. */
struct fixture {
	struct fakeqmp q;
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

	fakeqmp_open(&f->q, &(struct qmp_watcher){ on_event, on_closed, f });
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fakeqmp_close(&f->q);
	test_free(f);
	return 0;
}

static void greet(struct fixture *f)
{
	fakeqmp_say(&f->q, GREETING);
	assert_string_equal(fakeqmp_heard(&f->q), "{\"execute\":\"qmp_capabilities\"}");
	fakeqmp_say(&f->q, "{\"return\": {}}\r\n");
}

static void commands_go_one_after_the_other(void **state)
{
	struct fixture *f = *state;
	struct json_object *arguments = json_object_new_object();

	assert_string_equal(fakeqmp_heard(&f->q), "");
	(void)json_object_object_add(arguments, "id", json_object_new_string("cpu-1"));
	assert_int_equal(qmp_command(f->q.qmp, "device_del", arguments, -1, 1000, on_done, f), 0);
	assert_int_equal(qmp_command(f->q.qmp, "query-status", NULL, -1, 1000, on_done, f), 0);
	greet(f);
	assert_string_equal(fakeqmp_heard(&f->q), "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"cpu-1\"}}");
	fakeqmp_say(&f->q, "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'cpu-1' not found\"}}\r\n");
	assert_string_equal(fakeqmp_heard(&f->q), "{\"execute\":\"query-status\"}");
	fakeqmp_say(&f->q, "{\"return\": {\"running\"");
	fakeqmp_say(&f->q, ": true}}\n");
	assert_string_equal(f->log, "done=QMP device_del: Device 'cpu-1' not found done={\"running\":true}");
}

static void events_come_between_answers(void **state)
{
	struct fixture *f = *state;

	greet(f);
	fakeqmp_say(&f->q,
	            "{\"timestamp\": {}, \"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"d\"}}\r\n{\"event\": "
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
	assert_int_equal(qmp_command(f->q.qmp, "getfd", NULL, pipe_fds[1], 1000, on_done, f), 0);
	assert_true(recvmsg(f->q.peer, &message, MSG_CMSG_CLOEXEC) > 0);
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
	assert_int_equal(qmp_command(f->q.qmp, "stop", NULL, -1, 1, on_done, f), 0);
	for (int i = 0; i < 100 && !*f->log; i++)
		assert_int_equal(loop_turn(f->q.loop, 100), 0);
	assert_string_equal(f->log, "done=QMP stop: no answer in time");
	assert_int_equal(qmp_command(f->q.qmp, "cont", NULL, -1, 1000, on_done, f), 0);
	fakeqmp_say(&f->q, "{\"return\": {\"of\": \"stop\"}}\n{\"return\": {\"of\": \"cont\"}}\n");
	assert_string_equal(f->log, "done=QMP stop: no answer in time done={\"of\":\"cont\"}");
}

static void the_end_is_told_to_all(void **state)
{
	struct fixture *f = *state;

	greet(f);
	assert_int_equal(qmp_command(f->q.qmp, "stop", NULL, -1, 1000, on_done, f), 0);
	assert_int_equal(qmp_command(f->q.qmp, "cont", NULL, -1, 1000, on_done, f), 0);
	f->q.peer = fd_close(f->q.peer);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->q.loop, 0), 0);
	assert_string_equal(
		f->log, "done=QMP: the hypervisor has closed the connection done=QMP: the hypervisor has closed the "
			"connection closed=QMP: the hypervisor has closed the connection");
	assert_int_equal(qmp_command(f->q.qmp, "quit", NULL, -1, 1000, on_done, f), -EPIPE);
}

static void nonsense_ends_the_connection(void **state)
{
	struct fixture *f = *state;

	greet(f);
	fakeqmp_say(&f->q, "{nonsense}\n");
	assert_non_null(strstr(f->log, "closed=QMP: parse JSON"));
}

static void answers_without_a_question_are_ignored(void **state)
{
	struct fixture *f = *state;

	fakeqmp_say(&f->q, "{\"return\": {}}\n");
	greet(f);
	fakeqmp_say(&f->q, "{\"return\": 1}\n{\"error\": {}}\n[]\n");
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
