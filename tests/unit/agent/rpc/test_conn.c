/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/buf.h"
#include "tests/unit/agent/rpc/fixture.h"

static struct rpc_conn *only_conn(struct fixture *f)
{
	assert_int_equal(f->server->n_conns, 1);
	return list_first(&f->server->conns, struct rpc_conn, link);
}

static void send_header(struct fixture *f, int fd, uint32_t length, uint32_t stream, uint8_t type)
{
	uint8_t head[TTRPC_HEADER_SIZE];

	ttrpc_header_pack(head, length, stream, type, 0);
	fixture_send_bytes(f, fd, head, sizeof(head));
}

static void send_zeroes(struct fixture *f, int fd, size_t n)
{
	static const uint8_t zeroes[65536];

	for (; n > sizeof(zeroes); n -= sizeof(zeroes))
		fixture_send_bytes(f, fd, zeroes, sizeof(zeroes));
	fixture_send_bytes(f, fd, zeroes, n);
}

static void send_wait(struct fixture *f, int fd, uint32_t stream)
{
	Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t) "web";
	fixture_send(f, fd, stream, AGENT, "WaitProcess", 0, &req.base);
	fixture_turns(f);
}

static void even_stream_is_refused(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fixture_send(f, fd, 2, HEALTH, "Check", 0, NULL);
	fixture_expect(f, fd, 2, RPC_INVALID_ARGUMENT, "stream id must be odd");
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void stream_in_use_is_refused(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_wait(f, fd, 5);
	fixture_send(f, fd, 5, HEALTH, "Check", 0, NULL);
	fixture_expect(f, fd, 5, RPC_INVALID_ARGUMENT, "stream id is in use");
	/* The call that holds the id is not harmed, and the id is free after its answer. */
	fake.waiter->done(fake.waiter, 7);
	fixture_expect(f, fd, 5, RPC_OK, "");
	fixture_send(f, fd, 5, HEALTH, "Check", 0, NULL);
	fixture_expect(f, fd, 5, RPC_OK, "");
	(void)close(fd);
}

static void long_frame_is_skipped(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_header(f, fd, TTRPC_MESSAGE_MAX + 1, 9, TTRPC_REQUEST);
	fixture_expect(f, fd, 9, RPC_INVALID_ARGUMENT, "message length 4194305 exceed maximum message size of 4194304");
	send_zeroes(f, fd, TTRPC_MESSAGE_MAX + 1);
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void longest_frame_is_taken(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	/* Zeroes are no ttrpc.Request, but the frame was read to its end. */
	send_header(f, fd, TTRPC_MESSAGE_MAX, 9, TTRPC_REQUEST);
	send_zeroes(f, fd, TTRPC_MESSAGE_MAX);
	fixture_expect(f, fd, 9, RPC_INVALID_ARGUMENT, "the frame holds no valid ttrpc.Request");
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void hopeless_frame_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f), other = fixture_connect(f);

	send_header(f, fd, UINT32_MAX, 9, TTRPC_REQUEST);
	fixture_expect(f, fd, 9, RPC_INVALID_ARGUMENT,
	               "message length 4294967295 exceed maximum message size of 4194304");
	fixture_expect_end(f, fd);
	fixture_expect_alive(f, other);
	assert_int_equal(f->server->n_conns, 1);
	(void)close(fd);
	(void)close(other);
}

static void unknown_types_are_ignored(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_header(f, fd, 3, 9, 17);
	send_zeroes(f, fd, 3);
	send_header(f, fd, 0, 10, TTRPC_DATA);
	fixture_expect_alive(f, fd);
	assert_int_equal(f->server->counters.ignored_frames, 2);
	(void)close(fd);
}

static void frames_may_come_in_pieces(void **state)
{
	struct fixture *f = *state;
	_autobuf_ struct buf frame = BUF_INIT;
	int fd = fixture_connect(f);

	assert_return_code(envelope_request_pack(&frame, 3, HEALTH, "Check", 0, NULL), 0);
	for (size_t i = 0; i < frame.len; i++)
		fixture_send_bytes(f, fd, frame.data + i, 1);
	fixture_expect(f, fd, 3, RPC_OK, "");
	/* And several in one piece. */
	for (uint32_t stream = 5; stream < 11; stream += 2)
		assert_return_code(envelope_request_pack(&frame, stream, HEALTH, "Check", 0, NULL), 0);
	fixture_send_bytes(f, fd, frame.data, frame.len);
	for (uint32_t stream = 3; stream < 11; stream += 2)
		fixture_expect(f, fd, stream, RPC_OK, "");
	(void)close(fd);
}

static void incomplete_frame_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fixture_expect_alive(f, fd);
	assert_null(only_conn(f)->frame_timer.source.loop);
	fake.short_timers = true;
	send_header(f, fd, 100, 9, TTRPC_REQUEST);
	fixture_expect_end(f, fd);
	assert_int_equal(f->server->n_conns, 0);
	(void)close(fd);
}

static void complete_frame_stops_the_clock(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_header(f, fd, 3, 9, TTRPC_DATA);
	fixture_turns(f);
	assert_non_null(only_conn(f)->frame_timer.source.loop);
	send_zeroes(f, fd, 3);
	fixture_turns(f);
	assert_null(only_conn(f)->frame_timer.source.loop);
	(void)close(fd);
}

static void open_calls_have_a_limit(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f), other = fixture_connect(f);

	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++)
		send_wait(f, fd, 2 * i + 1);
	fixture_send(f, fd, 9999, HEALTH, "Check", 0, NULL);
	fixture_expect(f, fd, 9999, RPC_RESOURCE_EXHAUSTED, "too many open calls");
	fixture_expect_alive(f, other);
	/* One answer makes room for one call. */
	fake.waiter->done(fake.waiter, 0);
	fixture_expect(f, fd, 2 * RPC_CALLS_MAX - 1, RPC_OK, "");
	fixture_expect_alive(f, fd);
	/* The fake core knows one waiter; the others are checked in test_call. */
	fake.waiter = NULL;
	list_foreach(conn, &f->server->conns, struct rpc_conn, link)
		list_foreach(call, &conn->calls, struct rpc_call, link)
			call->cancel = NULL;
	(void)close(fd);
	(void)close(other);
}

static void answer_read(struct fixture *f, int fd, uint32_t stream, size_t len)
{
	Grpc__ReadStreamRequest req = GRPC__READ_STREAM_REQUEST__INIT;
	uint8_t *data = calloc(1, len);

	req.container_id = (char *)(uintptr_t) "web";
	fake.init.out = (struct outstream *)f;
	fixture_send(f, fd, stream, AGENT, "ReadStdout", 0, &req.base);
	fixture_until(f, fake.reader);
	fake.reader->done(fake.reader, 0, data, len);
	fake.reader = NULL;
	free(data);
}

static void client_that_never_reads(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f), other = fixture_connect(f);
	struct rpc_conn *conn = list_first(&f->server->conns, struct rpc_conn, link);
	uint32_t n = 0;

	/* Nine answers of a megabyte do not fit in the queue: nothing is read from this client any more. */
	for (; n < 9; n++)
		answer_read(f, fd, 2 * n + 1, 1 << 20);
	fixture_turns(f);
	assert_true(conn->out.len > RPC_QUEUE_HIGH);
	assert_int_equal(conn->source.events, EPOLLOUT);
	fixture_send(f, fd, 2 * n + 1, HEALTH, "Check", 0, NULL);
	fixture_expect_alive(f, other);
	assert_int_equal(conn->n_calls, 0);
	/* Now it reads; everything comes, in order, also the answer to what was not read for so long. */
	for (uint32_t i = 0; i <= n; i++)
		fixture_expect(f, fd, 2 * i + 1, RPC_OK, "");
	fixture_turns(f);
	assert_int_equal(conn->source.events, EPOLLIN);
	(void)close(fd);
	(void)close(other);
}

static void client_that_never_reads_goes_away(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	for (uint32_t n = 0; n < 9; n++)
		answer_read(f, fd, 2 * n + 1, 1 << 20);
	fixture_turns(f);
	assert_int_equal(f->server->n_conns, 1);
	(void)close(fd);
	fixture_until(f, f->server->n_conns == 0);
}

static void queue_has_a_ceiling(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	static struct outstream_reader *readers[30];
	Grpc__ReadStreamRequest req = GRPC__READ_STREAM_REQUEST__INIT;
	uint8_t *data = calloc(1, 4000000);

	req.container_id = (char *)(uintptr_t) "web";
	fake.init.out = (struct outstream *)f;
	for (uint32_t i = 0; i < 30; i++) {
		fixture_send(f, fd, 2 * i + 1, AGENT, "ReadStdout", 0, &req.base);
		fixture_turns(f);
		readers[i] = fake.reader;
	}
	/* 120 MB of answers that nobody reads. */
	for (uint32_t i = 0; i < 30; i++)
		readers[i]->done(readers[i], 0, data, 4000000);
	fixture_turns(f);
	/* What did not fit was refused, and the core knows that it was not delivered. */
	assert_int_equal(fake.n_acked, 30 - 16);
	assert_int_equal(fake.acked, 0);
	for (uint32_t i = 0; i < 16; i++)
		fixture_expect(f, fd, 2 * i + 1, RPC_OK, "");
	for (uint32_t i = 16; i < 30; i++)
		fixture_expect(f, fd, 2 * i + 1, RPC_RESOURCE_EXHAUSTED, "too many replies wait to be read");
	assert_int_equal(fake.n_acked, 30);
	assert_int_equal(fake.acked, 1);
	fixture_expect_alive(f, fd);
	free(data);
	(void)close(fd);
}

static void long_reply_is_refused(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	answer_read(f, fd, 3, TTRPC_MESSAGE_MAX);
	fixture_expect(f, fd, 3, RPC_RESOURCE_EXHAUSTED, "the reply is too long");
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void end_is_seen_once_and_by_nobody_else(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f), other = fixture_connect(f);

	assert_int_equal(f->server->n_conns, 2);
	(void)close(fd);
	fixture_until(f, f->server->n_conns == 1);
	fixture_expect_alive(f, other);
	rpc_conn_end(only_conn(f), "test");
	rpc_conn_end(only_conn(f), "test");
	fixture_expect_end(f, other);
	fixture_until(f, f->server->n_conns == 0);
	(void)close(other);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_conn(void)
{
	const struct CMUnitTest tests[] = {
		T(even_stream_is_refused),
		T(stream_in_use_is_refused),
		T(long_frame_is_skipped),
		T(longest_frame_is_taken),
		T(hopeless_frame_ends_the_connection),
		T(unknown_types_are_ignored),
		T(frames_may_come_in_pieces),
		T(incomplete_frame_ends_the_connection),
		T(complete_frame_stops_the_clock),
		T(open_calls_have_a_limit),
		T(client_that_never_reads),
		T(client_that_never_reads_goes_away),
		T(queue_has_a_ceiling),
		T(long_reply_is_refused),
		T(end_is_seen_once_and_by_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
