/* SPDX-License-Identifier: Apache-2.0 */
#include "client/plane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "proto/agent.pb-c.h"
#include "tests/lib/fake_agent.h"
#include "tests/lib/unit.h"

/* A stream port that serves one connection in a child: it expects a header, answers, and follows a script. */
struct port {
	char address[64];
	pid_t pid;
};

static int receive_all(int fd, uint8_t *data, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t got = recv(fd, data + have, n - have, 0);

		if (got <= 0)
			return -1;
		have += (size_t)got;
	}
	return 0;
}

static int serve(int listener, uint32_t status, uint64_t offset, int (*script)(int fd))
{
	uint8_t expected[KSTR_HEADER_MAX], header[KSTR_HEADER_MAX], answer[KSTR_ANSWER_SIZE];
	int n = kstr_header_pack(KSTR_STDOUT, KSTR_WHOLE_PACKETS, 7, "web", "e1", expected), fd;

	(void)alarm(20);
	(void)fd_set_nonblock(listener, false);
	fd = accept(listener, NULL, NULL);
	if (fd < 0 || receive_all(fd, header, (size_t)n) < 0 || memcmp(header, expected, (size_t)n) != 0)
		return 1;
	kstr_answer_pack(status, offset, answer);
	/* In two pieces: a stream has no messages. */
	if (fd_write_all(fd, answer, 5) < 0 || fd_write_all(fd, answer + 5, sizeof(answer) - 5) < 0)
		return 2;
	return script ? script(fd) : 0;
}

static struct port start_port(uint32_t status, uint64_t offset, int (*script)(int fd))
{
	struct addr addr, with_port;
	struct port p;
	int fd;

	(void)snprintf(p.address, sizeof(p.address), "unix://@kata-plane-test-%d", (int)getpid());
	assert_return_code(addr_parse(&addr, p.address, NULL), 0);
	assert_return_code(addr_with_port(&with_port, &addr, 1028, NULL), 0);
	fd = addr_listen(&with_port, 1, NULL);
	assert_return_code(fd, 0);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (p.pid == 0)
		_exit(serve(fd, status, offset, script));
	(void)close(fd);
	return p;
}

static void stop_port(const struct port *p)
{
	int status = -1;

	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
}

static int open_it(const struct port *p, struct plane_stream *s, struct err *err)
{
	struct session session = { .program = "kata-agent-ctl", .address = p->address };

	return plane_open(s, &session, 1028, KSTR_STDOUT, false, 7, "web", "e1", err);
}

static ssize_t receive_patiently(struct plane_stream *s, char *data, size_t n)
{
	ssize_t got = -EAGAIN;

	for (int i = 0; i < 400 && got == -EAGAIN; i++) {
		got = plane_receive(s, data, n);
		if (got == -EAGAIN)
			(void)usleep(5000);
	}
	return got;
}

static int say_hello_and_want_a_mark(int fd)
{
	uint8_t mark[KSTR_MARK_SIZE];

	if (fd_write_all(fd, "hello", 5) < 0 || receive_all(fd, mark, sizeof(mark)) < 0)
		return 3;
	return kstr_mark_parse(mark) == 12 ? 0 : 4;
}

static void output_is_received_and_acknowledged_once(void **state)
{
	struct port p = start_port(KSTR_OK, 7, say_hello_and_want_a_mark);
	struct err err = ERR_INIT;
	struct plane_stream s;
	char data[16] = "";
	ssize_t n = 0;

	(void)state;
	assert_return_code(open_it(&p, &s, &err), 0);
	assert_int_equal(s.offset, 7);
	while (s.offset < 12)
		n += receive_patiently(&s, data + n, sizeof(data) - (size_t)n);
	assert_string_equal(data, "hello");
	plane_acknowledge(&s, 7); /* known already: nothing is sent */
	plane_acknowledge(&s, 12);
	assert_int_equal(receive_patiently(&s, data, sizeof(data)), 0);
	assert_true(s.fd < 0);
	plane_acknowledge(&s, 13); /* too late, and harmless */
	stop_port(&p);
}

static int take_input(int fd)
{
	uint8_t data[8], mark[KSTR_MARK_SIZE];

	if (receive_all(fd, data, 3) < 0 || memcmp(data, "abc", 3) != 0 || recv(fd, data, 1, 0) != 0)
		return 5;
	kstr_mark_pack(102, mark);
	if (fd_write_all(fd, mark, sizeof(mark)) < 0)
		return 6;
	kstr_mark_pack(103, mark);
	return fd_write_all(fd, mark, 3) < 0 || fd_write_all(fd, mark + 3, 5) < 0 ? 7 : 0;
}

static void input_is_sent_and_marked(void **state)
{
	struct port p = start_port(KSTR_OK, 100, take_input);
	struct err err = ERR_INIT;
	struct plane_stream s;

	(void)state;
	assert_return_code(open_it(&p, &s, &err), 0);
	assert_int_equal(plane_send(&s, "abc", 3), 3);
	assert_int_equal(s.offset, 103);
	assert_true(s.can_half_close);
	plane_end_input(&s);
	for (int i = 0; i < 400 && plane_take_marks(&s); i++)
		(void)usleep(5000);
	assert_int_equal(s.marked, 103);
	assert_true(s.fd < 0);
	stop_port(&p);
}

static void a_refusal_names_its_code(void **state)
{
	struct port p = start_port(KSTR_FAILED_PRECONDITION, 0, NULL);
	struct err err = ERR_INIT;
	struct plane_stream s;

	(void)state;
	assert_int_equal(open_it(&p, &s, &err), -EPROTO);
	assert_string_equal(err_text(&err), "attach stdout of 'e1': FAILED_PRECONDITION");
	stop_port(&p);
	assert_int_equal(open_it(&p, &s, &err), -ECONNREFUSED);
}

/* --- finding it -------------------------------------------------------------------------------------------------- */

static int announce(struct fake_peer *peer, void *arg)
{
	Grpc__GuestDetailsResponse reply = GRPC__GUEST_DETAILS_RESPONSE__INIT;
	Grpc__AgentDetails details = GRPC__AGENT_DETAILS__INIT;
	char *features[] = { (char *)(uintptr_t) "seccomp", arg };
	struct fake_request request;

	details.extra_features = features;
	details.n_extra_features = arg ? 2 : 1;
	reply.agent_details = &details;
	if (fake_peer_read(peer, &request) != 1)
		return 1;
	fake_peer_answer(peer, request.stream, &reply.base);
	return 0;
}

static void the_port_is_what_the_agent_announces(void **state)
{
	static const struct {
		const char *feature;
		uint32_t port;
	} rows[] = { { "streams=1028", 1028 }, { "streams=x", 0 }, { "streams", 0 }, { NULL, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct session session = { .program = "kata-agent-ctl",
			                   .address = "unix://@nowhere",
			                   .timeout_ms = SESSION_TIMEOUT_UNSET };
		struct fake_agent agent;

		assert_return_code(fake_agent_start(&agent, announce, (void *)(uintptr_t)rows[i].feature), 0);
		session.client = client_new(take_fd(&agent.fd));
		assert_int_equal(plane_find(&session), rows[i].port);
		session_done(&session);
		assert_int_equal(fake_agent_stop(&agent), 0);
	}
}

int test_plane(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_received_and_acknowledged_once),
		cmocka_unit_test(input_is_sent_and_marked),
		cmocka_unit_test(a_refusal_names_its_code),
		cmocka_unit_test(the_port_is_what_the_agent_announces),
	};

	return cmocka_run_group_tests_name("ctl/plane", tests, NULL, NULL);
}
