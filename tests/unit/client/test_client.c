/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/method.h"
#include "lib/fd.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"
#include "tests/lib/fake_agent.h"
#include "tests/lib/unit.h"

struct seen {
	char order[64]; /* one letter for each answer */
	int code;
	bool is_lost, is_local;
	char text[512];
};

struct one {
	struct seen *seen;
	char letter;
};

static void note(void *arg, struct client_reply *reply)
{
	struct one *one = arg;
	size_t n = strlen(one->seen->order);

	one->seen->order[n] = one->letter;
	one->seen->code = reply->code;
	one->seen->is_lost = reply->is_lost;
	one->seen->is_local = reply->is_local;
	(void)snprintf(one->seen->text, sizeof(one->seen->text), "%s", reply->text);
}

static struct client *start(struct fake_agent *agent, fake_script script, void *arg)
{
	struct client *c;

	assert_int_equal(fake_agent_start(agent, script, arg), 0);
	c = client_new(take_fd(&agent->fd));
	assert_non_null(c);
	return c;
}

static void send_method(struct client *c, const char *method, const ProtobufCMessage *request, unsigned timeout_ms,
                        struct one *one)
{
	struct client_method m;

	assert_int_equal(method_find(method, &m), 0);
	assert_int_equal(client_send(c, &m, request, timeout_ms, note, one), 0);
}

/* Steps until nothing is pending; the fake's alarm bounds it. */
static int drain(struct client *c)
{
	int r = 0;

	while (client_pending(c) > 0 && r == 0)
		r = client_step(c, NULL, 0, 1000);
	return r;
}

static int answers_backwards(struct fake_peer *peer, void *arg)
{
	Grpc__WaitProcessResponse reply = GRPC__WAIT_PROCESS_RESPONSE__INIT;
	struct fake_request request;
	uint32_t streams[3];

	(void)arg;
	for (int i = 0; i < 3; i++) {
		if (fake_peer_read(peer, &request) != 1 || strcmp(request.envelope.service, "grpc.AgentService") != 0)
			return 1;
		streams[i] = request.stream;
	}
	if (streams[0] != 1 || streams[1] != 3 || streams[2] != 5)
		return 2;
	for (int i = 2; i >= 0; i--)
		fake_peer_answer(peer, streams[i], &reply.base);
	return fake_peer_read(peer, &request) == 0 ? 0 : 3;
}

static void answers_may_come_in_any_order(void **state)
{
	Grpc__WaitProcessRequest request = GRPC__WAIT_PROCESS_REQUEST__INIT;
	struct seen seen = { 0 };
	struct one a = { &seen, 'a' }, b = { &seen, 'b' }, c3 = { &seen, 'c' };
	struct fake_agent agent;
	struct client *c = start(&agent, answers_backwards, NULL);

	(void)state;
	send_method(c, "WaitProcess", &request.base, 0, &a);
	send_method(c, "WaitProcess", &request.base, 0, &b);
	send_method(c, "WaitProcess", &request.base, 0, &c3);
	assert_int_equal(client_pending(c), 3);
	assert_int_equal(drain(c), 0);
	assert_string_equal(seen.order, "cba");
	assert_int_equal(seen.code, RPC_OK);
	(void)client_free(c);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

static int says_version(struct fake_peer *peer, void *arg)
{
	Grpc__VersionCheckResponse reply = GRPC__VERSION_CHECK_RESPONSE__INIT;
	struct fake_request request;

	(void)arg;
	if (fake_peer_read(peer, &request) != 1 || request.envelope.timeout_nano != 1500000000)
		return 1;
	if (strcmp(request.envelope.service, "grpc.Health") != 0 || strcmp(request.envelope.method, "Version") != 0)
		return 2;
	reply.agent_version = (char *)"9.9";
	fake_peer_answer(peer, request.stream, &reply.base);
	return 0;
}

static void call_returns_the_message_and_sends_the_timeout(void **state)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;
	_autoreply_ struct client_reply reply = { .text = "" };
	struct fake_agent agent;
	struct client *c = start(&agent, says_version, NULL);
	struct client_method m;

	(void)state;
	assert_int_equal(method_find("Health.Version", &m), 0);
	assert_int_equal(client_call(c, &m, &request.base, 1500, &reply), 0);
	assert_int_equal(reply.code, RPC_OK);
	assert_string_equal(((Grpc__VersionCheckResponse *)reply.message)->agent_version, "9.9");
	(void)client_free(c);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

static int says_not_found(struct fake_peer *peer, void *arg)
{
	struct fake_request request;

	(void)arg;
	if (fake_peer_read(peer, &request) != 1)
		return 1;
	/* An answer to a stream that nobody opened has to be passed over. */
	fake_peer_fail(peer, 77, RPC_INTERNAL, "for nobody");
	fake_peer_fail(peer, request.stream, RPC_NOT_FOUND, "no container 'x'");
	return 0;
}

static void an_error_has_code_and_text(void **state)
{
	Grpc__StartContainerRequest request = GRPC__START_CONTAINER_REQUEST__INIT;
	struct seen seen = { 0 };
	struct one a = { &seen, 'a' };
	struct fake_agent agent;
	struct client *c = start(&agent, says_not_found, NULL);

	(void)state;
	send_method(c, "StartContainer", &request.base, 0, &a);
	assert_int_equal(drain(c), 0);
	assert_int_equal(seen.code, RPC_NOT_FOUND);
	assert_string_equal(seen.text, "no container 'x'");
	assert_false(seen.is_local);
	(void)client_free(c);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

static int cuts_in_the_middle(struct fake_peer *peer, void *arg)
{
	struct fake_request request;
	uint8_t half[TTRPC_HEADER_SIZE + 3] = { 0 };

	(void)arg;
	for (int i = 0; i < 2; i++) {
		if (fake_peer_read(peer, &request) != 1)
			return 1;
	}
	ttrpc_header_pack(half, 100, request.stream, TTRPC_RESPONSE, 0);
	fake_peer_write(peer, half, sizeof(half));
	return 0;
}

static void a_cut_connection_ends_every_call(void **state)
{
	Grpc__GetOOMEventRequest request = GRPC__GET_OOMEVENT_REQUEST__INIT;
	struct seen seen = { 0 };
	struct one a = { &seen, 'a' }, b = { &seen, 'b' }, late = { &seen, 'z' };
	struct fake_agent agent;
	struct client *c = start(&agent, cuts_in_the_middle, NULL);

	(void)state;
	send_method(c, "GetOOMEvent", &request.base, 0, &a);
	send_method(c, "GetOOMEvent", &request.base, 0, &b);
	assert_int_equal(drain(c), -ECONNRESET);
	assert_string_equal(seen.order, "ab");
	assert_int_equal(seen.code, RPC_UNAVAILABLE);
	assert_true(seen.is_lost);
	assert_non_null(strstr(seen.text, "in the middle of an answer"));

	send_method(c, "GetOOMEvent", &request.base, 0, &late);
	assert_int_equal(drain(c), -ECONNRESET);
	assert_string_equal(seen.order, "abz");
	(void)client_free(c);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

static int answers_too_late(struct fake_peer *peer, void *arg)
{
	struct fake_request first, second;

	(void)arg;
	if (fake_peer_read(peer, &first) != 1 || first.envelope.timeout_nano != 50000000)
		return 1;
	/* The client gives up on the first call and makes a second one; then both are answered. */
	if (fake_peer_read(peer, &second) != 1)
		return 2;
	fake_peer_answer(peer, first.stream, NULL);
	fake_peer_answer(peer, second.stream, NULL);
	return 0;
}

static void a_call_ends_at_its_deadline(void **state)
{
	Grpc__StartContainerRequest request = GRPC__START_CONTAINER_REQUEST__INIT;
	struct seen seen = { 0 };
	struct one a = { &seen, 'a' }, b = { &seen, 'b' };
	struct fake_agent agent;
	struct client *c = start(&agent, answers_too_late, NULL);

	(void)state;
	send_method(c, "StartContainer", &request.base, 50, &a);
	assert_int_equal(drain(c), 0);
	assert_int_equal(seen.code, RPC_DEADLINE_EXCEEDED);
	assert_true(seen.is_local);
	assert_string_equal(seen.text, "no answer within 0.050 s");

	send_method(c, "StartContainer", &request.base, 0, &b);
	assert_int_equal(drain(c), 0);
	assert_string_equal(seen.order, "ab");
	assert_int_equal(seen.code, RPC_OK);
	(void)client_free(c);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

static int answers_too_much(struct fake_peer *peer, void *arg)
{
	uint8_t head[TTRPC_HEADER_SIZE], block[4097] = { 0 };
	uint32_t length = TTRPC_MESSAGE_MAX + 1;
	struct fake_request request;

	(void)arg;
	if (fake_peer_read(peer, &request) != 1)
		return 1;
	ttrpc_header_pack(head, length, request.stream, TTRPC_RESPONSE, 0);
	fake_peer_write(peer, head, sizeof(head));
	for (uint32_t sent = 0; sent < length; sent += 4096)
		fake_peer_write(peer, block, length - sent < 4096 ? length - sent : 4096);
	if (fake_peer_read(peer, &request) != 1)
		return 2;
	fake_peer_answer(peer, request.stream, NULL);
	return 0;
}

static void too_long_an_answer_fails_its_call_only(void **state)
{
	Grpc__StartContainerRequest request = GRPC__START_CONTAINER_REQUEST__INIT;
	struct seen seen = { 0 };
	struct one a = { &seen, 'a' }, b = { &seen, 'b' };
	struct fake_agent agent;
	struct client *c = start(&agent, answers_too_much, NULL);

	(void)state;
	send_method(c, "StartContainer", &request.base, 0, &a);
	assert_int_equal(drain(c), 0);
	assert_int_equal(seen.code, RPC_RESOURCE_EXHAUSTED);
	send_method(c, "StartContainer", &request.base, 0, &b);
	assert_int_equal(drain(c), 0);
	assert_int_equal(seen.code, RPC_OK);
	(void)client_free(c);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

static int answers_garbage(struct fake_peer *peer, void *arg)
{
	static const uint8_t bad[] = { 0xff, 0xff, 0xff };
	uint8_t frame[TTRPC_HEADER_SIZE + sizeof(bad)];
	struct fake_request request;

	(void)arg;
	if (fake_peer_read(peer, &request) != 1)
		return 1;
	ttrpc_header_pack(frame, sizeof(bad), request.stream, TTRPC_RESPONSE, 0);
	memcpy(frame + TTRPC_HEADER_SIZE, bad, sizeof(bad));
	fake_peer_write(peer, frame, sizeof(frame));
	return fake_peer_read(peer, &request) == 0 ? 0 : 2;
}

static void garbage_is_an_error_of_the_call(void **state)
{
	Grpc__StartContainerRequest request = GRPC__START_CONTAINER_REQUEST__INIT;
	struct seen seen = { 0 };
	struct one a = { &seen, 'a' };
	struct fake_agent agent;
	struct client *c = start(&agent, answers_garbage, NULL);

	(void)state;
	send_method(c, "StartContainer", &request.base, 0, &a);
	assert_int_equal(drain(c), 0);
	assert_int_equal(seen.code, RPC_INTERNAL);
	assert_true(seen.is_local);
	(void)client_free(c);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

static int speaks_http(struct fake_peer *peer, void *arg)
{
	struct fake_request request;

	(void)arg;
	if (fake_peer_read(peer, &request) != 1)
		return 1;
	fake_peer_write(peer, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	return fake_peer_read(peer, &request) == 0 ? 0 : 2;
}

static void a_peer_that_speaks_no_ttrpc_is_told_apart(void **state)
{
	Grpc__StartContainerRequest request = GRPC__START_CONTAINER_REQUEST__INIT;
	struct seen seen = { 0 };
	struct one a = { &seen, 'a' };
	struct fake_agent agent;
	struct client *c = start(&agent, speaks_http, NULL);

	(void)state;
	send_method(c, "StartContainer", &request.base, 0, &a);
	assert_int_equal(drain(c), -EPROTO);
	assert_non_null(strstr(seen.text, "no ttrpc"));
	(void)client_free(c);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

static int waits_for_the_end(struct fake_peer *peer, void *arg)
{
	struct fake_request request;

	(void)arg;
	return fake_peer_read(peer, &request) == 0 ? 0 : 1;
}

static void too_long_a_request_is_not_sent(void **state)
{
	Grpc__WriteStreamRequest request = GRPC__WRITE_STREAM_REQUEST__INIT;
	_autofree_ uint8_t *data = calloc(1, TTRPC_MESSAGE_MAX + 1);
	struct seen seen = { 0 };
	struct one a = { &seen, 'a' };
	struct fake_agent agent;
	struct client *c = start(&agent, waits_for_the_end, NULL);

	(void)state;
	request.data = (ProtobufCBinaryData){ TTRPC_MESSAGE_MAX + 1, data };
	send_method(c, "WriteStdin", &request.base, 0, &a);
	assert_string_equal(seen.order, ""); /* never from client_send */
	assert_int_equal(drain(c), 0);
	assert_int_equal(seen.code, RPC_RESOURCE_EXHAUSTED);
	assert_true(seen.is_local);
	(void)client_free(c);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

static void step_watches_the_callers_fds(void **state)
{
	struct fake_agent agent;
	struct client *c = start(&agent, waits_for_the_end, NULL);
	struct pollfd extra = { .events = POLLIN };
	int pipe_fds[2];

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	extra.fd = pipe_fds[0];
	assert_int_equal(client_step(c, &extra, 1, 0), 0);
	assert_int_equal(extra.revents, 0);
	assert_int_equal(write(pipe_fds[1], "x", 1), 1);
	assert_int_equal(client_step(c, &extra, 1, 5000), 0);
	assert_int_equal(extra.revents, POLLIN);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	(void)client_free(c);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

int test_client(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_may_come_in_any_order),
		cmocka_unit_test(call_returns_the_message_and_sends_the_timeout),
		cmocka_unit_test(an_error_has_code_and_text),
		cmocka_unit_test(a_cut_connection_ends_every_call),
		cmocka_unit_test(a_call_ends_at_its_deadline),
		cmocka_unit_test(too_long_an_answer_fails_its_call_only),
		cmocka_unit_test(garbage_is_an_error_of_the_call),
		cmocka_unit_test(a_peer_that_speaks_no_ttrpc_is_told_apart),
		cmocka_unit_test(too_long_a_request_is_not_sent),
		cmocka_unit_test(step_watches_the_callers_fds),
	};

	return cmocka_run_group_tests_name("ctl/client", tests, NULL, NULL);
}
