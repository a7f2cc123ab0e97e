/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

#define LONG_TIME 60000000000

static void send_wait(struct fixture *f, int fd, uint32_t stream, int64_t timeout)
{
	Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t) "web";
	fixture_send(f, fd, stream, AGENT, "WaitProcess", timeout, &req.base);
	fixture_until(f, fake.waiter);
}

static void send_start(struct fixture *f, int fd, uint32_t stream, int64_t timeout)
{
	Grpc__StartContainerRequest req = GRPC__START_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t) "web";
	fixture_send(f, fd, stream, AGENT, "StartContainer", timeout, &req.base);
	fixture_until(f, fake.pending);
}

static void send_read(struct fixture *f, int fd, uint32_t stream)
{
	Grpc__ReadStreamRequest req = GRPC__READ_STREAM_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t) "web";
	fake.init.out = (struct outstream *)f;
	fake.reader = NULL;
	fixture_send(f, fd, stream, AGENT, "ReadStdout", 0, &req.base);
	fixture_until(f, fake.reader);
}

static void replies_leave_in_order_of_completion(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_wait(f, fd, 1, 0);
	send_start(f, fd, 3, LONG_TIME);
	fixture_expect_alive(f, fd);
	fake_complete(0);
	fixture_expect(f, fd, 3, RPC_OK, "");
	fake.waiter->done(fake.waiter, 0);
	fixture_expect(f, fd, 1, RPC_OK, "");
	(void)close(fd);
}

static void completion_carries_the_reason(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_start(f, fd, 3, 0);
	fake_complete(-ENOENT);
	fixture_expect(f, fd, 3, RPC_INTERNAL, "fake reason");
	(void)close(fd);
}

static void disconnect_cancels_a_waiter(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f), other = fixture_connect(f);

	send_wait(f, fd, 1, LONG_TIME);
	(void)close(fd);
	fixture_until(f, fake.n_cancelled == 1);
	assert_int_equal(f->server->n_conns, 1);
	/* Nobody else noticed, and the same can be asked again. */
	fixture_expect_alive(f, other);
	send_wait(f, other, 1, 0);
	fake.waiter->done(fake.waiter, 137);
	fixture_expect(f, other, 1, RPC_OK, "");
	assert_int_equal(fake.log_lines, 0);
	(void)close(other);
}

static void disconnect_detaches_what_cannot_be_cancelled(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f), other = fixture_connect(f);

	send_start(f, fd, 1, 0);
	(void)close(fd);
	fixture_until(f, f->server->n_conns == 1);
	assert_false(list_is_empty(&f->server->detached));
	fixture_expect_alive(f, other);
	fake_complete(0);
	fixture_turns(f);
	assert_true(list_is_empty(&f->server->detached));
	assert_int_equal(f->server->request_bytes, 0);
	fixture_expect_alive(f, other);
	(void)close(other);
}

static void server_end_frees_detached_calls(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_start(f, fd, 1, 0);
	(void)close(fd);
	fixture_until(f, f->server->n_conns == 0);
	assert_false(list_is_empty(&f->server->detached));
}

static void timeout_cancels_a_waiter(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_wait(f, fd, 1, 20000000);
	fixture_expect(f, fd, 1, RPC_DEADLINE_EXCEEDED, "timeout");
	assert_int_equal(fake.n_cancelled, 1);
	assert_null(fake.waiter);
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void timeout_detaches_what_cannot_be_cancelled(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_start(f, fd, 1, 20000000);
	fixture_expect(f, fd, 1, RPC_DEADLINE_EXCEEDED, "timeout");
	fake_complete(-EIO);
	fixture_turns(f);
	assert_true(list_is_empty(&f->server->detached));
	/* One answer, and its stream id may be used again. */
	fixture_send(f, fd, 1, HEALTH, "Check", 0, NULL);
	fixture_expect(f, fd, 1, RPC_OK, "");
	(void)close(fd);
}

static void answer_stops_the_clock(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	unsigned idle = loop_count(f->loop);

	send_wait(f, fd, 1, LONG_TIME);
	assert_int_equal(loop_count(f->loop), idle + 1);
	fake.waiter->done(fake.waiter, 0);
	fixture_expect(f, fd, 1, RPC_OK, "");
	assert_int_equal(loop_count(f->loop), idle);
	(void)close(fd);
}

static void time_that_was_up_before(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fixture_send(f, fd, 1, HEALTH, "Check", -1, NULL);
	fixture_expect(f, fd, 1, RPC_DEADLINE_EXCEEDED, "timeout");
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void tracked_reply_tells_when_it_is_out(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_read(f, fd, 1);
	fake.reader->done(fake.reader, 0, (const uint8_t *)"hello", 5);
	assert_int_equal(fake.acked, -1);
	fixture_expect(f, fd, 1, RPC_OK, "");
	assert_int_equal(fake.acked, 1);
	assert_int_equal(fake.n_acked, 1);
	(void)close(fd);
}

static void tracked_reply_waits_for_a_slow_client(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	uint8_t *data = calloc(1, 1 << 20);

	send_read(f, fd, 1);
	fake.reader->done(fake.reader, 0, data, 1 << 20);
	fixture_turns(f);
	assert_int_equal(fake.acked, -1);
	fixture_expect(f, fd, 1, RPC_OK, "");
	assert_int_equal(fake.acked, 1);
	/* The next client does not even read its first byte and goes. */
	fake.acked = -1;
	send_read(f, fd, 3);
	fake.reader->done(fake.reader, 0, data, 1 << 20);
	fixture_turns(f);
	assert_int_equal(fake.acked, -1);
	(void)close(fd);
	fixture_until(f, fake.acked == 0);
	assert_int_equal(fake.n_acked, 2);
	assert_int_equal(fake.n_cancelled, 0);
	free(data);
}

static void tracked_reply_to_nobody_is_told(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_read(f, fd, 1);
	/* In one turn: the connection ends, then the data come. */
	rpc_conn_end(list_first(&f->server->conns, struct rpc_conn, link), "test");
	fake.reader->done(fake.reader, 0, (const uint8_t *)"hello", 5);
	fixture_until(f, fake.acked == 0);
	assert_int_equal(fake.n_acked, 1);
	assert_int_equal(fake.n_cancelled, 0);
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_call(void)
{
	const struct CMUnitTest tests[] = {
		T(replies_leave_in_order_of_completion),
		T(completion_carries_the_reason),
		T(disconnect_cancels_a_waiter),
		T(disconnect_detaches_what_cannot_be_cancelled),
		T(server_end_frees_detached_calls),
		T(timeout_cancels_a_waiter),
		T(timeout_detaches_what_cannot_be_cancelled),
		T(answer_stops_the_clock),
		T(time_that_was_up_before),
		T(tracked_reply_tells_when_it_is_out),
		T(tracked_reply_waits_for_a_slow_client),
		T(tracked_reply_to_nobody_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
