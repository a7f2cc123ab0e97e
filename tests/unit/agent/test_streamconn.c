/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/streamconn.h"

#include <errno.h>
#include <pty.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/gate.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/unit/agent/plane.h"

#define BIG 200000 /* more than the pipe, the window and the socket hold together */

/* --- header ------------------------------------------------------------------------------------------------------ */

static void expect_refusal(struct plane *f, const void *header, size_t n, enum kstr_status status)
{
	_autoclose_ int fd = plane_connect(f);
	uint8_t answer[KSTR_ANSWER_SIZE];
	uint64_t offset;
	uint32_t code;

	plane_send(f, fd, header, n);
	plane_receive(f, fd, answer, sizeof(answer));
	kstr_answer_parse(answer, &code, &offset);
	assert_int_equal(code, status);
	plane_expect_end(f, fd);
}

static void expect_refused_name(struct plane *f, const char *cid, const char *eid, enum kstr_status status)
{
	uint8_t header[KSTR_HEADER_MAX];
	int n = kstr_header_pack(KSTR_STDOUT, 0, 0, cid, eid, header);

	expect_refusal(f, header, (size_t)n, status);
}

static void strangers_are_refused(void **state)
{
	static uint8_t full[KSTR_HEADER_MAX + 1] = "KSTR\1\1\0\0\0\0\0\0\0\0\7";
	struct plane *f = *state;

	expect_refusal(f, "GET / HTTP/1.1", 14, KSTR_INVALID_ARGUMENT);
	expect_refusal(f, "KSTR\2", 5, KSTR_INVALID_ARGUMENT);
	expect_refusal(f, "KSTR\1\3", 6, KSTR_INVALID_ARGUMENT);
	expect_refusal(f, full, sizeof(full), KSTR_INVALID_ARGUMENT);
	expect_refusal(f, "KSTR\1\1\0\0\0\0\0\0\0\0\0\3web\0\0x", 22, KSTR_INVALID_ARGUMENT); /* too early a byte */
}

static void unknown_names_have_the_codes_of_the_calls(void **state)
{
	struct plane *f = *state;
	struct process *building;

	expect_refused_name(f, "nowhere", "", KSTR_INVALID_ARGUMENT);
	expect_refused_name(f, "", "", KSTR_INVALID_ARGUMENT);
	expect_refused_name(f, "web", "nobody", KSTR_NOT_FOUND);
	assert_return_code(process_new(&f->container, "e1", false, &building), 0);
	expect_refused_name(f, "web", "e1", KSTR_UNAVAILABLE);
	(void)process_free(building);
}

static int deny(struct gate *gate, const char *method, const char *cid, const char *eid, struct err *err)
{
	(void)gate;
	return err_say(err, EPERM, "%s of %s/%s", method, cid, eid);
}

/* A stream that a call would not be allowed to read is none of the port's either. */
static void the_gate_is_asked(void **state)
{
	struct gate gate = { .check = deny };
	struct plane *f = *state;

	f->sandbox.gate = &gate;
	expect_refused_name(f, "web", "", KSTR_PERMISSION_DENIED);
	f->sandbox.gate = NULL;
}

static void a_header_in_pieces_is_put_together(void **state)
{
	struct plane *f = *state;
	uint8_t header[KSTR_HEADER_MAX], answer[KSTR_ANSWER_SIZE];
	_autoclose_ int fd = plane_connect(f);
	int n = kstr_header_pack(KSTR_STDOUT, 0, 0, "web", "web", header);

	for (int i = 0; i < n; i++)
		plane_send(f, fd, header + i, 1);
	plane_receive(f, fd, answer, sizeof(answer));
	assert_memory_equal(answer, "\0\0\0\0\0\0\0\0\0\0\0\0", sizeof(answer));
}

static void a_slow_header_is_given_up(void **state)
{
	struct plane *f = *state;

	plane_short_timers = true;
	expect_refusal(f, "KSTR\1", 5, KSTR_DEADLINE_EXCEEDED);
	assert_int_equal(f->conns.n, 0);
}

static void a_cut_header_leaves_nothing(void **state)
{
	struct plane *f = *state;
	int fd = plane_connect(f);

	plane_send(f, fd, "KSTR\1\1", 6);
	fd_closep(&fd);
	plane_turns(f);
	assert_int_equal(f->conns.n, 0);
}

/* --- output ------------------------------------------------------------------------------------------------------ */

static void put(const struct plane *f, const char *text)
{
	assert_return_code(fd_write_all(f->out, text, strlen(text)), 0);
}

static void expect_text(struct plane *f, int fd, const char *text)
{
	char got[64];

	plane_receive(f, fd, got, strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void output_ends_when_all_is_acknowledged(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);

	put(f, "hello");
	expect_text(f, fd, "hello");
	put(f, " world");
	expect_text(f, fd, " world");
	fd_closep(&f->out);
	plane_mark(f, fd, 5);
	plane_expect_silence(f, fd);
	assert_int_equal(outstream_counters(f->init->out).delivered, 5);
	plane_mark(f, fd, 11);
	plane_expect_end(f, fd);
	assert_int_equal(outstream_counters(f->init->out).delivered, 11);
}

static void an_end_without_output_is_told_at_once(void **state)
{
	struct plane *f = *state;
	_autoclose_ int early = plane_attach(f, KSTR_STDERR, 0, KSTR_OK, 0);
	_autoclose_ int late = -EBADF;

	fd_closep(&f->err);
	plane_expect_end(f, early);
	late = plane_attach(f, KSTR_STDERR, 0, KSTR_OK, 0);
	plane_expect_end(f, late);
}

/* The process is a record already. */
static void a_drained_stream_answers_its_length(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = -EBADF, beyond = -EBADF;

	f->init->out = outstream_free(f->init->out);
	f->init->out_counters = (struct outstream_counters){ .in = 1000, .delivered = 1000 };
	fd = plane_attach(f, KSTR_STDOUT, 1000, KSTR_OK, 1000);
	plane_expect_end(f, fd);
	beyond = plane_attach(f, KSTR_STDOUT, 1001, KSTR_OUT_OF_RANGE, 0);
}

static void the_rest_is_there_after_the_exit(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = -EBADF;

	put(f, "rest");
	outstream_process_exited(f->init->out); /* f->out stays open: an orphan's */
	fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);
	expect_text(f, fd, "rest");
	plane_expect_silence(f, fd);
	put(f, "tee");
	expect_text(f, fd, "tee");
	plane_mark(f, fd, 7);
	plane_expect_end(f, fd);
}

static void a_terminal_has_no_stderr(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = -EBADF;

	f->init->has_terminal = true;
	fd = plane_attach(f, KSTR_STDERR, 0, KSTR_OK, 0);
	plane_expect_end(f, fd);
}

/* Writes as the process does, as far as the pipe takes it; the new offset. */
static size_t write_pattern(const struct plane *f, size_t from, size_t to)
{
	uint8_t block[4096];

	assert_return_code(fd_set_nonblock(f->out, true), 0);
	while (from < to) {
		size_t n = to - from < sizeof(block) ? to - from : sizeof(block);
		ssize_t w;

		plane_pattern(block, n, from);
		w = write(f->out, block, n);
		if (w < 0)
			break;
		from += (size_t)w;
	}
	return from;
}

static void check_pattern(const uint8_t *data, size_t n, uint64_t offset)
{
	uint8_t *expected = test_malloc(n + 1);

	plane_pattern(expected, n, offset);
	assert_memory_equal(data, expected, n);
	test_free(expected);
}

/* Each client takes some, acknowledges less, and is killed; the next one comes with what the last one had. */
static void killed_clients_lose_nothing(void **state)
{
	struct plane *f = *state;
	uint8_t *got = test_malloc(BIG);
	size_t have = 0, put_in = 0, acked = 0;

	for (int life = 0; have < BIG; life++) {
		int fd = plane_attach(f, KSTR_STDOUT, have, KSTR_OK, have);

		acked = have;
		for (int i = 0; i < 7 && have < BIG; i++) {
			ssize_t n;

			put_in = write_pattern(f, put_in, BIG);
			plane_turns(f);
			n = read(fd, got + have,
			         (size_t)(997 * (life + 1)) < BIG - have ? (size_t)(997 * (life + 1)) : BIG - have);
			have += n > 0 ? (size_t)n : 0;
			if (i % 3 == 1)
				plane_mark(f, fd, acked = have);
		}
		assert_true(life < 100);
		(void)close(fd);
	}
	check_pattern(got, BIG, 0);
	assert_int_equal(outstream_counters(f->init->out).in, BIG);
	assert_true(outstream_counters(f->init->out).delivered <= have);
	test_free(got);
}

static void a_client_that_knows_nothing_gets_what_is_not_acknowledged(void **state)
{
	struct plane *f = *state;
	int fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);

	put(f, "abcdef");
	expect_text(f, fd, "abcdef");
	plane_mark(f, fd, 4);
	(void)close(fd);
	fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 4);
	expect_text(f, fd, "ef");
	(void)close(fd);
	(void)close(plane_attach(f, KSTR_STDOUT, 7, KSTR_OUT_OF_RANGE, 0));
	fd = plane_attach(f, KSTR_STDOUT, 6, KSTR_OK, 6);
	plane_expect_silence(f, fd);
	assert_int_equal(outstream_counters(f->init->out).delivered, 6);
	(void)close(fd);
}

static void expect_window(struct plane *f, size_t window)
{
	_autoclose_ int fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);
	uint8_t *got = test_malloc(window);
	size_t n = 0;

	for (int i = 0; i < 20; i++) {
		n = write_pattern(f, n, 10 * BIG);
		plane_turns(f);
	}
	assert_int_equal(outstream_counters(f->init->out).in, window);
	assert_true(n <= window + 65536); /* the rest is the pipe's */
	plane_receive(f, fd, got, window);
	check_pattern(got, window, 0);
	plane_expect_silence(f, fd);
	plane_mark(f, fd, 100);
	plane_receive(f, fd, got, 100);
	check_pattern(got, 100, window);
	plane_expect_silence(f, fd);
	test_free(got);
}

static void no_more_than_the_window_is_unacknowledged(void **state)
{
	struct plane *f = *state;

	expect_window(f, KSTR_UNACKNOWLEDGED);
	assert_int_equal(f->sandbox.n_large_windows, 1);
	f->init->out = outstream_free(f->init->out);
	assert_int_equal(f->sandbox.n_large_windows, 0);
}

/* Where many are large, a stream is served from a small one. */
static void large_windows_are_counted(void **state)
{
	struct plane *f = *state;

	f->sandbox.n_large_windows = STREAM_WINDOWS_MAX;
	expect_window(f, STREAM_CHUNK_MAX);
	assert_int_equal(f->sandbox.n_large_windows, STREAM_WINDOWS_MAX);
}

/* A window that has grown in the middle of its ring, and what a dead client left in it. */
static void a_large_window_is_the_next_clients(void **state)
{
	struct plane *f = *state;
	int fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);
	uint8_t *got = test_malloc(3 * BIG);
	size_t n = 0;

	n = write_pattern(f, n, 50000);
	plane_receive(f, fd, got, 50000);
	plane_mark(f, fd, 40000);
	for (int i = 0; i < 20; i++) {
		n = write_pattern(f, n, 3 * BIG);
		plane_turns(f);
	}
	assert_int_equal(outstream_counters(f->init->out).in, 40000 + KSTR_UNACKNOWLEDGED);
	plane_receive(f, fd, got, 70000);
	plane_mark(f, fd, 120000);
	(void)close(fd);
	plane_turns(f);
	fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 120000);
	for (size_t have = 120000; have < 3 * BIG;) {
		size_t some = 3 * BIG - have < 7919 ? 3 * BIG - have : 7919;

		plane_receive(f, fd, got, some);
		check_pattern(got, some, have);
		have += some;
		plane_mark(f, fd, have);
		n = write_pattern(f, n, 3 * BIG);
	}
	for (int i = 0; i < 10000 && f->sandbox.n_large_windows > 0; i++)
		plane_turns(f);
	assert_int_equal(f->sandbox.n_large_windows, 0); /* all is acknowledged, and nothing is held for long */
	(void)close(fd);
	test_free(got);
}

static void the_ring_keeps_the_order(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);
	uint8_t *got = test_malloc(BIG);
	size_t have = 0, put_in = 0;

	while (have < BIG) {
		ssize_t n;

		put_in = write_pattern(f, put_in, BIG);
		assert_return_code(loop_turn(f->loop, 5), 0);
		n = read(fd, got + have, BIG - have < 10007 ? BIG - have : 10007);
		have += n > 0 ? (size_t)n : 0;
		plane_mark(f, fd, have > 5000 ? have - 5000 : 0);
	}
	check_pattern(got, BIG, 0);
	test_free(got);
}

static void a_second_client_is_refused_while_the_first_lives(void **state)
{
	struct plane *f = *state;
	int first = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);
	_autoclose_ int second = -EBADF;
	_autoclose_ _unused_ int other =
		plane_attach(f, KSTR_STDERR, 0, KSTR_OK, 0); /* another stream is no second client */

	(void)close(plane_attach(f, KSTR_STDOUT, 0, KSTR_FAILED_PRECONDITION, 0));
	put(f, "x");
	expect_text(f, first, "x");
	(void)close(first); /* no turn of the loop has seen it */
	second = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);
	expect_text(f, second, "x");
	assert_int_equal(f->conns.n, 2);
}

/* Sends a header of a client that takes over; the answer must be OK and `from`. */
static int take_over(struct plane *f, enum kstr_kind kind, uint64_t offset, uint64_t from)
{
	uint8_t header[KSTR_HEADER_MAX], answer[KSTR_ANSWER_SIZE];
	int n = kstr_header_pack(kind, KSTR_TAKE_OVER, offset, "web", "", header), fd = plane_connect(f);
	uint32_t status;

	plane_send(f, fd, header, (size_t)n);
	plane_receive(f, fd, answer, sizeof(answer));
	kstr_answer_parse(answer, &status, &offset);
	assert_int_equal(status, KSTR_OK);
	assert_int_equal(offset, from);
	return fd;
}

/* The first one lives, as far as anybody can tell. Its last mark has arrived, and nobody has looked at it yet. */
static void a_client_that_takes_over_gets_what_is_not_acknowledged(void **state)
{
	struct plane *f = *state;
	_autoclose_ int first = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0), second = -EBADF, third = -EBADF;
	uint8_t mark[KSTR_MARK_SIZE];

	put(f, "abcdef");
	expect_text(f, first, "abcdef");
	kstr_mark_pack(2, mark);
	assert_int_equal(write(first, mark, sizeof(mark)), sizeof(mark));
	second = take_over(f, KSTR_STDOUT, 0, 2);
	plane_expect_end(f, first);
	expect_text(f, second, "cdef");
	third = take_over(f, KSTR_STDOUT, 5, 5);
	plane_expect_end(f, second);
	expect_text(f, third, "f");
	put(f, "g");
	expect_text(f, third, "g");
	plane_mark(f, third, 7);
	assert_int_equal(outstream_counters(f->init->out).delivered, 7);
	assert_int_equal(outstream_counters(f->init->out).lost, 0);
	plane_turns(f);
	assert_int_equal(f->conns.n, 1);
}

/* Marks may still be there before the end. */
static void expect_closed(int fd)
{
	uint8_t mark[KSTR_MARK_SIZE];
	ssize_t n = 1;

	while (n > 0)
		n = read(fd, mark, sizeof(mark));
	/* A unix socket that is closed with unread data says so. */
	assert_true(n == 0 || errno == ECONNRESET);
}

static void a_writer_that_takes_over_brings_what_was_not_taken(void **state)
{
	struct plane *f = *state;
	_autoclose_ int first = plane_attach(f, KSTR_STDIN, 0, KSTR_OK, 0), second = -EBADF;
	uint8_t *data = test_malloc(BIG), *got = test_malloc(BIG);
	uint64_t taken;

	plane_pattern(data, BIG, 0);
	assert_true(write(first, data, BIG) > 65536);
	plane_turns(f);
	taken = instream_written(f->init->in);
	assert_true(taken > 0 && taken < BIG);
	second = take_over(f, KSTR_STDIN, 0, taken);
	expect_closed(first);
	for (size_t have = 0, sent = taken; have < BIG;) {
		ssize_t n = sent < BIG ? write(second, data + sent, BIG - sent) : 0;

		sent += n > 0 ? (size_t)n : 0;
		plane_turns(f);
		n = read(f->in, got + have, BIG - have);
		have += n > 0 ? (size_t)n : 0;
	}
	check_pattern(got, BIG, 0);
	test_free(data);
	test_free(got);
}

static void an_impossible_mark_ends_the_connection(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0), next = -EBADF;

	put(f, "abc");
	expect_text(f, fd, "abc");
	plane_mark(f, fd, 4);
	plane_expect_end(f, fd);
	next = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);
	expect_text(f, next, "abc");
}

static void marks_in_pieces_count(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);

	put(f, "abc");
	expect_text(f, fd, "abc");
	plane_send(f, fd, "\0\0\0\0\0\0\0\1\0\0\0", 11);
	plane_turns(f);
	assert_int_equal(outstream_counters(f->init->out).delivered, 1);
	plane_send(f, fd, "\0\0\0\0\3\0\0\0\0\0\0\0\1", 13); /* 3, then 1 again */
	plane_turns(f);
	assert_int_equal(outstream_counters(f->init->out).delivered, 3);
}

static void a_forgotten_process_ends_the_connection(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0);
	_autoclose_ int in = plane_attach(f, KSTR_STDIN, 0, KSTR_OK, 0);

	f->init = process_free(f->init);
	plane_expect_end(f, fd);
	plane_expect_end(f, in);
	plane_turns(f);
	assert_int_equal(f->conns.n, 0);
}

/* --- together with ReadStdout ------------------------------------------------------------------------------------ */

struct reader {
	struct outstream_reader base;
	size_t len;
	bool done;
};

static void on_data(struct outstream_reader *base, int r, const uint8_t *data, size_t len)
{
	struct reader *reader = container_of(base, struct reader, base);

	(void)data;
	assert_int_equal(r, 0);
	reader->done = true;
	reader->len = len;
}

static void read_calls_wait_behind(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = plane_attach(f, KSTR_STDOUT, 0, KSTR_OK, 0), next = -EBADF;
	struct reader reader = { .base = { .max = 2, .done = on_data } };
	char answer[KSTR_ANSWER_SIZE];

	list_init(&reader.base.link);
	put(f, "abcdef");
	expect_text(f, fd, "abcdef");
	assert_return_code(outstream_read(f->init->out, &reader.base), 0);
	plane_mark(f, fd, 3);
	plane_turns(f);
	assert_false(reader.done);
	fd_closep(&fd);
	plane_turns(f);
	assert_true(reader.done);
	assert_int_equal(reader.len, 2);
	/* While that chunk is out nobody knows what comes next. */
	next = plane_connect(f);
	plane_send(f, next, "KSTR\1\1\0\0\0\0\0\0\0\0\0\3web\0\0", 21);
	plane_expect_silence(f, next);
	outstream_ack(&reader.base, true);
	plane_receive(f, next, answer, sizeof(answer));
	assert_memory_equal(answer, "\0\0\0\0\0\0\0\0\0\0\0\5", sizeof(answer));
	expect_text(f, next, "f");
}

/* --- input ------------------------------------------------------------------------------------------------------- */

static void expect_mark(struct plane *f, int fd, uint64_t offset)
{
	uint8_t mark[KSTR_MARK_SIZE];

	do {
		plane_receive(f, fd, mark, sizeof(mark));
	} while (kstr_mark_parse(mark) < offset);
	assert_int_equal(kstr_mark_parse(mark), offset);
}

static void input_is_marked_and_ended(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = plane_attach(f, KSTR_STDIN, 0, KSTR_OK, 0);
	char c;

	plane_send(f, fd, "hello", 5);
	expect_text(f, f->in, "hello");
	expect_mark(f, fd, 5);
	plane_expect_silence(f, fd);
	assert_return_code(shutdown(fd, SHUT_WR), errno);
	expect_mark(f, fd, 5);
	plane_expect_end(f, fd);
	assert_int_equal(read(f->in, &c, 1), 0);
	(void)close(plane_attach(f, KSTR_STDIN, 5, KSTR_OK, 5));
	(void)close(plane_attach(f, KSTR_STDIN, 6, KSTR_OUT_OF_RANGE, 0));
}

/* A client that dies is not the end of the input, and what the process had not taken yet comes again. */
static void killed_writers_lose_nothing(void **state)
{
	struct plane *f = *state;
	uint8_t *data = test_malloc(BIG), *got = test_malloc(BIG);
	uint64_t sent = 0;
	size_t have = 0;

	plane_pattern(data, BIG, 0);
	for (int life = 0; have < BIG; life++) {
		int fd = plane_attach(f, KSTR_STDIN, 0, KSTR_OK, sent);
		ssize_t n = 0;

		for (uint64_t at = sent; n >= 0 && at < BIG; at += (uint64_t)n) {
			n = write(fd, data + at, BIG - at < 70000 ? BIG - at : 70000);
			plane_turns(f);
		}
		(void)close(fd);
		plane_turns(f);
		assert_int_equal(f->conns.n, 0);
		sent = instream_written(f->init->in);
		for (n = 1; n > 0; have += n > 0 ? (size_t)n : 0)
			n = read(f->in, got + have, BIG - have < 9973 ? BIG - have : 9973);
		assert_int_equal(have, sent);
		assert_true(life < 100);
	}
	check_pattern(got, BIG, 0);
	test_free(data);
	test_free(got);
}

static void a_slow_process_gets_all_of_a_client_that_is_done(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = plane_attach(f, KSTR_STDIN, 0, KSTR_OK, 0);
	uint8_t *data = test_malloc(BIG), *got = test_malloc(BIG);
	char c;

	plane_pattern(data, BIG, 0);
	plane_send(f, fd, data, BIG);
	assert_return_code(shutdown(fd, SHUT_WR), errno);
	plane_turns(f);
	assert_int_equal(f->conns.n, 1);
	plane_receive(f, f->in, got, BIG);
	check_pattern(got, BIG, 0);
	expect_mark(f, fd, BIG);
	plane_turns(f);
	assert_int_equal(read(f->in, &c, 1), 0);
	test_free(data);
	test_free(got);
}

static void input_that_nobody_takes_is_told(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = plane_attach(f, KSTR_STDIN, 0, KSTR_OK, 0), late = -EBADF;

	plane_send(f, fd, "abc", 3);
	expect_mark(f, fd, 3);
	fd_closep(&f->in);
	plane_send(f, fd, "def", 3);
	plane_expect_end(f, fd);
	/* The process ended. */
	f->init->in_written = 3;
	f->init->in = instream_free(f->init->in);
	late = plane_attach(f, KSTR_STDIN, 2, KSTR_OK, 3);
	plane_expect_end(f, late);
}

static void close_stdin_ends_it_after_the_last_mark(void **state)
{
	struct plane *f = *state;
	_autoclose_ int fd = plane_attach(f, KSTR_STDIN, 0, KSTR_OK, 0);

	plane_send(f, fd, "abc", 3);
	assert_return_code(instream_close(f->init->in), 0);
	expect_mark(f, fd, 3);
	plane_expect_end(f, fd);
}

static void one_writer_at_a_time(void **state)
{
	struct plane *f = *state;
	int first = plane_attach(f, KSTR_STDIN, 0, KSTR_OK, 0);
	_autoclose_ int second = -EBADF;

	(void)close(plane_attach(f, KSTR_STDIN, 0, KSTR_FAILED_PRECONDITION, 0));
	(void)close(first);
	second = plane_attach(f, KSTR_STDIN, 0, KSTR_OK, 0);
	plane_send(f, second, "x", 1);
	expect_text(f, f->in, "x");
}

int test_streamconn(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plane_setup, plane_teardown)
	const struct CMUnitTest tests[] = {
		TEST(strangers_are_refused),
		TEST(unknown_names_have_the_codes_of_the_calls),
		TEST(the_gate_is_asked),
		TEST(a_header_in_pieces_is_put_together),
		TEST(a_slow_header_is_given_up),
		TEST(a_cut_header_leaves_nothing),
		TEST(output_ends_when_all_is_acknowledged),
		TEST(an_end_without_output_is_told_at_once),
		TEST(a_drained_stream_answers_its_length),
		TEST(the_rest_is_there_after_the_exit),
		TEST(a_terminal_has_no_stderr),
		TEST(killed_clients_lose_nothing),
		TEST(a_client_that_knows_nothing_gets_what_is_not_acknowledged),
		TEST(no_more_than_the_window_is_unacknowledged),
		TEST(large_windows_are_counted),
		TEST(a_large_window_is_the_next_clients),
		TEST(the_ring_keeps_the_order),
		TEST(a_second_client_is_refused_while_the_first_lives),
		TEST(a_client_that_takes_over_gets_what_is_not_acknowledged),
		TEST(a_writer_that_takes_over_brings_what_was_not_taken),
		TEST(an_impossible_mark_ends_the_connection),
		TEST(marks_in_pieces_count),
		TEST(a_forgotten_process_ends_the_connection),
		TEST(read_calls_wait_behind),
		TEST(input_is_marked_and_ended),
		TEST(killed_writers_lose_nothing),
		TEST(a_slow_process_gets_all_of_a_client_that_is_done),
		TEST(input_that_nobody_takes_is_told),
		TEST(close_stdin_ends_it_after_the_last_mark),
		TEST(one_writer_at_a_time),
	};

	return cmocka_run_group_tests_name("streamconn", tests, NULL, NULL);
}
