/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

static struct outstream *const some_out = (struct outstream *)&fake.init;
static struct outstream *const some_err = (struct outstream *)&fake.exec;
static struct instream *const some_in = (struct instream *)&fake.config;

static void send_write(struct fixture *f, int fd, const char *container, const char *exec, const char *data)
{
	Grpc__WriteStreamRequest req = GRPC__WRITE_STREAM_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t)container;
	req.exec_id = (char *)(uintptr_t)exec;
	req.data.data = (uint8_t *)(uintptr_t)data;
	req.data.len = strlen(data);
	fixture_send(f, fd, 1, AGENT, "WriteStdin", 0, &req.base);
}

static void write_is_answered_when_it_is_taken(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__WriteStreamResponse *reply;
	struct answer a;

	fake.exec.in = some_in;
	send_write(f, fd, "web", "e1", "hello");
	fixture_until(f, fake.writer);
	assert_int_equal(fake.writer->len, 5);
	assert_memory_equal(fake.writer->data, "hello", 5);
	fake.writer->done(fake.writer, 0);
	a = fixture_receive(f, fd);
	reply = grpc__write_stream_response__unpack(NULL, a.response.payload_len, a.response.payload);
	assert_int_equal(reply->len, 5);
	grpc__write_stream_response__free_unpacked(reply, NULL);
	answer_done(&a);
	(void)close(fd);
}

static void write_failures_are_internal(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_write(f, fd, "nowhere", "", "x");
	fixture_expect(f, fd, 1, RPC_INTERNAL, "Invalid container id");
	send_write(f, fd, "web", "nobody", "x");
	fixture_expect(f, fd, 1, RPC_INTERNAL, "Process not found: invalid exec id");
	/* Its stdin is gone: the process has ended, or it was closed. */
	send_write(f, fd, "web", "e1", "x");
	fixture_expect(f, fd, 1, RPC_INTERNAL, "write stdin of 'e1' in 'web' (EPIPE): Broken pipe");
	fake.exec.in = some_in;
	fake.result = -EPIPE;
	send_write(f, fd, "web", "e1", "x");
	fixture_expect(f, fd, 1, RPC_INTERNAL, "write stdin of 'e1' in 'web' (EPIPE): Broken pipe");
	send_write(f, fd, "web", "e1", "x");
	fixture_until(f, fake.writer);
	fake.writer->done(fake.writer, -EIO);
	fixture_expect(f, fd, 1, RPC_INTERNAL, "write stdin of 'e1' in 'web': Input/output error");
	(void)close(fd);
}

static void empty_write_closes(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fake.exec.in = some_in;
	send_write(f, fd, "web", "e1", "");
	fixture_expect(f, fd, 1, RPC_OK, "");
	assert_int_equal(fake.closed_stdin, 1);
	fake.exec.in = NULL;
	send_write(f, fd, "web", "e1", "");
	fixture_expect(f, fd, 1, RPC_OK, "");
	(void)close(fd);
}

static void disconnect_takes_the_writer_out(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fake.init.in = some_in;
	send_write(f, fd, "web", "", "hello");
	fixture_until(f, fake.writer);
	(void)close(fd);
	fixture_until(f, fake.n_cancelled == 1);
	assert_null(fake.writer);
}

static void close_stdin(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__CloseStdinRequest req = GRPC__CLOSE_STDIN_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t) "web";
	fixture_call(f, fd, "CloseStdin", &req.base, RPC_OK, "");
	assert_int_equal(fake.closed_stdin, 0);
	fake.init.in = some_in;
	fixture_call(f, fd, "CloseStdin", &req.base, RPC_OK, "");
	assert_int_equal(fake.closed_stdin, 1);
	req.exec_id = (char *)(uintptr_t) "nobody";
	fixture_call(f, fd, "CloseStdin", &req.base, RPC_NOT_FOUND, "Process not found: invalid exec id");
	req.container_id = (char *)(uintptr_t) "nowhere";
	fixture_call(f, fd, "CloseStdin", &req.base, RPC_INVALID_ARGUMENT, "Invalid container id");
	(void)close(fd);
}

static void send_read(struct fixture *f, int fd, const char *method, uint32_t len)
{
	Grpc__ReadStreamRequest req = GRPC__READ_STREAM_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t) "web";
	req.len = len;
	fake.reader = NULL;
	fixture_send(f, fd, 1, AGENT, method, 0, &req.base);
}

static void expect_data(struct fixture *f, int fd, const char *data)
{
	struct answer a = fixture_receive(f, fd);
	Grpc__ReadStreamResponse *reply;

	assert_int_equal(a.response.code, RPC_OK);
	reply = grpc__read_stream_response__unpack(NULL, a.response.payload_len, a.response.payload);
	assert_int_equal(reply->data.len, strlen(data));
	if (data[0])
		assert_memory_equal(reply->data.data, data, strlen(data));
	grpc__read_stream_response__free_unpacked(reply, NULL);
	answer_done(&a);
}

static void read_length_is_clamped(void **state)
{
	static const struct {
		uint32_t len;
		size_t max;
	} rows[] = {
		{ 1, 1 },
		{ 32768, 32768 },
		{ STREAM_CHUNK_MAX, STREAM_CHUNK_MAX },
		{ 65537, STREAM_CHUNK_MAX },
		{ UINT32_MAX, STREAM_CHUNK_MAX },
		{ 0, STREAM_CHUNK_MAX },
	};
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fake.init.out = some_out;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		send_read(f, fd, "ReadStdout", rows[i].len);
		fixture_until(f, fake.reader);
		assert_int_equal(fake.reader->max, rows[i].max);
		fake.reader->done(fake.reader, 0, (const uint8_t *)"data", 4);
		expect_data(f, fd, "data");
	}
	(void)close(fd);
}

static void reads_find_their_stream(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fake.init.out = some_out;
	fake.init.err = some_err;
	send_read(f, fd, "ReadStderr", 10);
	fixture_until(f, fake.reader);
	assert_ptr_equal(fake.read_from, some_err);
	fake.reader->done(fake.reader, 0, NULL, 0);
	expect_data(f, fd, "");
	/* A terminal has one output. */
	fake.init.has_terminal = true;
	fake.init.err = NULL;
	send_read(f, fd, "ReadStderr", 10);
	fixture_until(f, fake.reader);
	assert_ptr_equal(fake.read_from, some_out);
	fake.reader->done(fake.reader, -EIO, NULL, 0);
	fixture_expect(f, fd, 1, RPC_INTERNAL, "read output of '' in 'web': Input/output error");
	(void)close(fd);
}

static void reads_without_a_stream(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__ReadStreamRequest req = GRPC__READ_STREAM_REQUEST__INIT;

	fake.init.state = PROCESS_EXITED;
	send_read(f, fd, "ReadStdout", 10);
	expect_data(f, fd, "");
	fake.init.state = PROCESS_BUILDING;
	send_read(f, fd, "ReadStdout", 10);
	fixture_expect(f, fd, 1, RPC_INTERNAL, "read output of '' in 'web': it does not run yet");
	fake.init.out = some_out;
	fake.result = -ENOMEM;
	send_read(f, fd, "ReadStdout", 10);
	fixture_expect(f, fd, 1, RPC_INTERNAL, "read output of '' in 'web': Cannot allocate memory");
	req.container_id = (char *)(uintptr_t) "nowhere";
	fixture_call(f, fd, "ReadStdout", &req.base, RPC_INVALID_ARGUMENT, "Invalid container id");
	req.container_id = (char *)(uintptr_t) "web";
	req.exec_id = (char *)(uintptr_t) "nobody";
	fixture_call(f, fd, "ReadStderr", &req.base, RPC_NOT_FOUND, "Process not found: invalid exec id");
	(void)close(fd);
}

static void disconnect_takes_the_reader_out(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fake.init.out = some_out;
	send_read(f, fd, "ReadStdout", 10);
	fixture_until(f, fake.reader);
	(void)close(fd);
	fixture_until(f, fake.n_cancelled == 1);
	assert_int_equal(fake.n_acked, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_stdio(void)
{
	const struct CMUnitTest tests[] = {
		T(write_is_answered_when_it_is_taken),
		T(write_failures_are_internal),
		T(empty_write_closes),
		T(disconnect_takes_the_writer_out),
		T(close_stdin),
		T(read_length_is_clamped),
		T(reads_find_their_stream),
		T(reads_without_a_stream),
		T(disconnect_takes_the_reader_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
