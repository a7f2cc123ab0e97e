/* SPDX-License-Identifier: Apache-2.0 */
#include "client/session.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/fd.h"
#include "proto/agent.pb-c.h"
#include "tests/lib/fake_agent.h"
#include "tests/lib/unit.h"

/* What was written to stderr between the two; static. */
static int saved = -EBADF;

static void listen_to_stderr(void)
{
	_autoclose_ int fd = memfd_create("stderr", MFD_CLOEXEC);

	assert_true(fd >= 0);
	(void)fflush(stderr);
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0 && dup2(fd, STDERR_FILENO) >= 0);
}

static const char *said(void)
{
	static char text[4096];
	ssize_t n;

	(void)fflush(stderr);
	n = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	(void)dup2(saved, STDERR_FILENO);
	saved = fd_close(saved);
	return text;
}

static void the_timeout_is_the_users(void **state)
{
	struct session s = { .timeout_ms = SESSION_TIMEOUT_UNSET };

	(void)state;
	assert_int_equal(session_timeout(&s, 7), 7);
	s.timeout_ms = 0;
	assert_int_equal(session_timeout(&s, 7), 0);
	s.timeout_ms = 9;
	assert_int_equal(session_timeout(&s, 7), 9);
}

static void it_says_why_it_cannot_connect(void **state)
{
	static const struct {
		const char *address;
		int status;
		const char *text;
	} rows[] = {
		{ NULL, SESSION_EXIT_USAGE, "prog: no address: give --address or set KATA_AGENT_ADDRESS\n" },
		{ "nonsense", SESSION_EXIT_USAGE, "nonsense" },
		{ "unix:///nonexistent/agent.sock", SESSION_EXIT_CONNECTION, "/nonexistent/agent.sock" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct session s = { .program = "prog", .address = rows[i].address, .timeout_ms = 1000 };
		Grpc__OOMEvent request = GRPC__OOMEVENT__INIT;
		struct client_reply reply;
		const char *text;
		int status;

		listen_to_stderr();
		status = session_call(&s, "GetOOMEvent", &request.base, &reply);
		text = said();
		if (status != rows[i].status || strncmp(text, "prog: ", 6) != 0 || !strstr(text, rows[i].text))
			fail_msg("'%s': status %d, '%s'", rows[i].address ? rows[i].address : "", status, text);
		assert_true(reply.is_lost);
		assert_null(s.client);
		client_reply_done(&reply);
		session_done(&s);
	}
}

/* Answers the first, refuses the second, hangs up at the third. */
static int script(struct fake_peer *peer, void *arg)
{
	Grpc__OOMEvent event = GRPC__OOMEVENT__INIT;
	struct fake_request request;

	(void)arg;
	event.container_id = (char *)"web";
	if (fake_peer_read(peer, &request) != 1)
		return 1;
	fake_peer_answer(peer, request.stream, &event.base);
	if (fake_peer_read(peer, &request) != 1)
		return 2;
	fake_peer_fail(peer, request.stream, RPC_NOT_FOUND, "no \033[31msuch\a thing\nat all");
	return fake_peer_read(peer, &request) == 1 ? 0 : 3;
}

static void a_call_ends_with_a_status(void **state)
{
	struct session s = { .program = "prog", .timeout_ms = 5000 };
	Grpc__GetOOMEventRequest request = GRPC__GET_OOMEVENT_REQUEST__INIT;
	struct client_reply reply;
	struct fake_agent agent;

	(void)state;
	assert_int_equal(fake_agent_start(&agent, script, NULL), 0);
	s.client = client_new(take_fd(&agent.fd));
	assert_non_null(s.client);

	listen_to_stderr();
	assert_int_equal(session_call(&s, "GetOOMEvent", &request.base, &reply), SESSION_EXIT_OK);
	assert_string_equal(said(), "");
	assert_string_equal(((const Grpc__OOMEvent *)reply.message)->container_id, "web");
	client_reply_done(&reply);

	/* What a guest says does not get to the terminal as it is. */
	listen_to_stderr();
	assert_int_equal(session_call(&s, "GetOOMEvent", &request.base, &reply), SESSION_EXIT_FAILED);
	assert_string_equal(said(), "GetOOMEvent: NOT_FOUND: no ?[31msuch? thing\nat all\n");
	client_reply_done(&reply);

	listen_to_stderr();
	assert_int_equal(session_call_quiet(&s, "GetOOMEvent", &request.base, &reply), SESSION_EXIT_CONNECTION);
	assert_string_equal(said(), "");
	assert_true(reply.is_lost);
	client_reply_done(&reply);

	listen_to_stderr();
	assert_int_equal(session_call(&s, "Frob", &request.base, &reply), SESSION_EXIT_FAILED);
	assert_non_null(strstr(said(), "Frob: "));
	assert_true(reply.is_local);
	client_reply_done(&reply);
	session_done(&s);
	assert_null(s.client);
	assert_int_equal(fake_agent_stop(&agent), 0);
}

/* A connection that broke is another status than an agent that says no. */
static void a_lost_connection_is_told_apart(void **state)
{
	struct client_reply lost = { .method = "X", .code = RPC_UNAVAILABLE, .is_lost = true, .text = "hung up" };
	struct client_reply refused = { .method = "X", .code = RPC_UNAVAILABLE, .text = "busy" };

	(void)state;
	listen_to_stderr();
	assert_int_equal(session_print_failure(&lost), SESSION_EXIT_CONNECTION);
	assert_int_equal(session_print_failure(&refused), SESSION_EXIT_FAILED);
	assert_string_equal(said(), "X: UNAVAILABLE: hung up\nX: UNAVAILABLE: busy\n");
}

static void a_failure_has_its_name(void **state)
{
	struct client_reply known = { .method = "X", .code = RPC_UNIMPLEMENTED, .text = "not here" };
	struct client_reply other = { .method = "X", .code = 77, .text = "what" };
	char text[64], small[8];

	(void)state;
	assert_string_equal(session_format_failure(&known, text, sizeof(text)), "UNIMPLEMENTED: not here");
	assert_string_equal(session_format_failure(&other, text, sizeof(text)), "77: what");
	assert_string_equal(session_format_failure(&known, small, sizeof(small)), "UNIMPLE");
}

int test_session(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_timeout_is_the_users),  cmocka_unit_test(it_says_why_it_cannot_connect),
		cmocka_unit_test(a_call_ends_with_a_status), cmocka_unit_test(a_lost_connection_is_told_apart),
		cmocka_unit_test(a_failure_has_its_name),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
