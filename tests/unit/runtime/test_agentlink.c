/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/agentlink.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"
#include "tests/lib/fake_agent.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define PATIENCE_MS 30000

struct fixture {
	void *dir;
	struct loop *loop;
	struct agentlink link;
	char path[96], address[112];
	int listener;
	int status; /* that the agent says of itself */
	struct fake_peer peer;
	int n_replies, code;
	bool is_lost;
	char text[256];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct addr a = { .kind = ADDR_UNIX };
	const struct tempdir *dir;

	if (!f || tempdir_setup(&f->dir) < 0)
		return -1;
	dir = f->dir;
	(void)snprintf(f->path, sizeof(f->path), "%s/agent", dir->path);
	(void)snprintf(f->address, sizeof(f->address), "unix://%s", f->path);
	(void)snprintf(a.path, sizeof(a.path), "%s", f->path);
	f->peer.fd = -EBADF;
	f->status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	f->listener = addr_listen(&a, 4, NULL);
	*state = f;
	return f->listener < 0 ? -1 : loop_new(&f->loop);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	agentlink_close(&f->link);
	agentlink_close(&f->link);
	assert_int_equal(loop_count(f->loop), 0);
	(void)loop_free(f->loop);
	ttrpc_cutter_done(&f->peer.cutter);
	arena_done(&f->peer.arena);
	(void)fd_close(f->peer.fd);
	(void)fd_close(f->listener);
	(void)tempdir_teardown(&f->dir);
	free(f);
	return 0;
}

/* The first call is waited for, so its answer comes from elsewhere. f->status < 0: none comes, the agent hangs up. */
static void *answer_check(void *arg)
{
	Grpc__HealthCheckResponse response = GRPC__HEALTH_CHECK_RESPONSE__INIT;
	struct fixture *f = arg;
	struct pollfd p = { .fd = f->listener, .events = POLLIN };
	struct fake_request request;

	(void)poll(&p, 1, PATIENCE_MS);
	f->peer.fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	if (f->peer.fd < 0 || fake_peer_read(&f->peer, &request) != 1)
		return NULL;
	response.status = (Grpc__HealthCheckResponse__ServingStatus)f->status;
	if (f->status >= 0)
		fake_peer_answer(&f->peer, request.stream, &response.base);
	else
		f->peer.fd = fd_close(f->peer.fd);
	return NULL;
}

static int link_up(struct fixture *f, struct err *err)
{
	pthread_t thread;
	int r;

	assert_int_equal(pthread_create(&thread, NULL, answer_check, f), 0);
	r = agentlink_open(&f->link, f->loop, f->address, PATIENCE_MS, err);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return r;
}

static void on_reply(void *arg, struct client_reply *reply)
{
	struct fixture *f = arg;
	struct err err = ERR_INIT;

	f->n_replies++;
	f->code = reply->code;
	f->is_lost = reply->is_lost;
	f->text[0] = '\0';
	if (agentlink_check(reply, "start container", "web", &err) < 0)
		(void)snprintf(f->text, sizeof(f->text), "%s", err_text(&err));
}

static int ask(struct fixture *f, unsigned timeout_ms)
{
	Grpc__StartContainerRequest request = GRPC__START_CONTAINER_REQUEST__INIT;

	request.container_id = (char *)"web";
	return agentlink_call(&f->link, "StartContainer", &request.base, timeout_ms, on_reply, f);
}

static void wait_replies(struct fixture *f, int n)
{
	int64_t deadline = sys_now_ms() + PATIENCE_MS;

	while (f->n_replies < n && sys_now_ms() < deadline)
		assert_int_equal(loop_turn(f->loop, 100), 0);
	assert_int_equal(f->n_replies, n);
}

static void answers_come_by_the_loop(void **state)
{
	struct fixture *f = *state;
	struct fake_request request;

	assert_int_equal(link_up(f, NULL), 0);
	assert_int_equal(ask(f, PATIENCE_MS), 0);
	assert_int_equal(ask(f, 0), 0);
	assert_int_equal(f->n_replies, 0);
	/* What is to be written is the loop's to do. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->loop, 0), 0);
	assert_int_equal(fake_peer_read(&f->peer, &request), 1);
	assert_string_equal(request.envelope.method, "StartContainer");
	fake_peer_answer(&f->peer, request.stream, NULL);
	wait_replies(f, 1);
	assert_int_equal(f->code, RPC_OK);
	assert_int_equal(fake_peer_read(&f->peer, &request), 1);
	fake_peer_fail(&f->peer, request.stream, RPC_INTERNAL, "cannot");
	wait_replies(f, 2);
	assert_string_equal(f->text, "start container 'web': INTERNAL: cannot");
	assert_false(f->is_lost);
	/* Without a call there is no deadline. */
	assert_int_equal(loop_count(f->loop), 1);
}

/* Each call is answered once, also the one that comes later, and never from within the call. */
static void an_agent_that_goes_answers_all_calls(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(link_up(f, NULL), 0);
	assert_int_equal(ask(f, 0), 0);
	assert_int_equal(ask(f, PATIENCE_MS), 0);
	f->peer.fd = fd_close(f->peer.fd);
	wait_replies(f, 2);
	assert_true(f->is_lost);
	assert_non_null(strstr(f->text, "start container 'web': UNAVAILABLE: "));
	/* No descriptor is watched that would be ready for ever. */
	assert_int_equal(loop_count(f->loop), 0);
	assert_int_equal(ask(f, 0), 0);
	assert_int_equal(f->n_replies, 2);
	wait_replies(f, 3);
	assert_true(f->is_lost);
	assert_int_equal(loop_count(f->loop), 0);
}

static void half_an_answer_is_told(void **state)
{
	static const uint8_t half[] = { 0, 0, 0, 9, 0, 0, 0, 3, 2, 0, 'x' };
	struct fixture *f = *state;

	assert_int_equal(link_up(f, NULL), 0);
	assert_int_equal(ask(f, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->loop, 0), 0);
	fake_peer_write(&f->peer, half, sizeof(half));
	f->peer.fd = fd_close(f->peer.fd);
	wait_replies(f, 1);
	assert_true(f->is_lost);
}

static void an_answer_that_is_none_ends_the_call(void **state)
{
	struct fixture *f = *state;
	struct fake_request request;
	uint8_t frame[] = { 0, 0, 0, 4, 0, 0, 0, 0, 2, 0, 0xff, 0xff, 0xff, 0xff };

	assert_int_equal(link_up(f, NULL), 0);
	assert_int_equal(ask(f, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->loop, 0), 0);
	assert_int_equal(fake_peer_read(&f->peer, &request), 1);
	frame[7] = (uint8_t)request.stream;
	fake_peer_write(&f->peer, frame, sizeof(frame));
	wait_replies(f, 1);
	assert_false(f->is_lost);
	assert_string_equal(f->text, "start container 'web': INTERNAL: answer is no ttrpc response");
	/* The next one may be better. */
	assert_int_equal(ask(f, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->loop, 0), 0);
	assert_int_equal(fake_peer_read(&f->peer, &request), 1);
	fake_peer_answer(&f->peer, request.stream, NULL);
	wait_replies(f, 2);
	assert_int_equal(f->code, RPC_OK);
}

/* An agent that hangs is waited for as long as was said. */
static void silence_ends_by_the_timer(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(link_up(f, NULL), 0);
	assert_int_equal(ask(f, 1), 0);
	assert_int_equal(loop_count(f->loop), 2);
	wait_replies(f, 1);
	assert_int_equal(f->code, RPC_DEADLINE_EXCEEDED);
	assert_false(f->is_lost);
	assert_int_equal(loop_count(f->loop), 1);
}

static void calls_without_an_answer_are_forgotten(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(link_up(f, NULL), 0);
	assert_int_equal(ask(f, 1), 0);
	agentlink_close(&f->link);
	assert_int_equal(loop_count(f->loop), 0);
	assert_int_equal(f->n_replies, 0);
	assert_int_equal(ask(f, 1), -ENOTCONN);
}

static void only_methods_are_called(void **state)
{
	Grpc__StartContainerRequest request = GRPC__START_CONTAINER_REQUEST__INIT;
	struct fixture *f = *state;

	assert_int_equal(link_up(f, NULL), 0);
	assert_true(agentlink_call(&f->link, "Frobnicate", &request.base, 0, on_reply, f) < 0);
	assert_int_equal(loop_count(f->loop), 1);
}

static void nothing_is_left_of_what_does_not_open(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	f->status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
	assert_int_equal(link_up(f, &err), -EAGAIN);
	assert_string_equal(err_text(&err), "Check: the agent says that it is not serving (2)");
	assert_null(f->link.client);
	f->peer.fd = fd_close(f->peer.fd);
	ttrpc_cutter_done(&f->peer.cutter);
	f->peer.in_pos = f->peer.in_len = 0;
	f->status = -1;
	err = (struct err)ERR_INIT;
	assert_int_equal(link_up(f, &err), -ENOTCONN);
	f->listener = fd_close(f->listener);
	(void)unlink(f->path);
	assert_true(agentlink_open(&f->link, f->loop, f->address, 1, &err) < 0);
	assert_false(agentlink_probe(f->address));
	assert_int_equal(loop_count(f->loop), 0);
}

static void a_probe_asks_once(void **state)
{
	struct fixture *f = *state;
	struct fake_request request;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, answer_check, f), 0);
	assert_true(agentlink_probe(f->address));
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* And hangs up. */
	assert_int_equal(fake_peer_read(&f->peer, &request), 0);
}

/* Engines exit with 127 by these words. */
static void a_program_that_is_missing_is_said_as_engines_know_it(void **state)
{
	struct client_reply reply = { .code = RPC_INTERNAL, .text = "the file sh was not found" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(agentlink_check(&reply, "start container", "web", &err), -EIO);
	assert_string_equal(err_text(&err),
	                    "start container 'web': INTERNAL: the file sh was not found: executable file "
	                    "not found in $PATH");
	reply = (struct client_reply){ .code = RPC_OK, .text = "" };
	assert_int_equal(agentlink_check(&reply, "x", "y", &err), 0);
	reply = (struct client_reply){ .code = RPC_UNAVAILABLE, .is_lost = true, .text = "gone" };
	assert_int_equal(agentlink_check(&reply, "x", "y", &err), -ENOTCONN);
}

int test_agentlink(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_come_by_the_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(an_agent_that_goes_answers_all_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(half_an_answer_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_that_is_none_ends_the_call, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_ends_by_the_timer, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_without_an_answer_are_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(only_methods_are_called, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_left_of_what_does_not_open, setup, teardown),
		cmocka_unit_test_setup_teardown(a_probe_asks_once, setup, teardown),
		cmocka_unit_test(a_program_that_is_missing_is_said_as_engines_know_it),
	};

	return cmocka_run_group_tests_name("agentlink", tests, NULL, NULL);
}
