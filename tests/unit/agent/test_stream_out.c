/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

#define TURNS_MAX 400

struct fixture {
	struct loop *loop;
	struct outstream *stream;
	int writer; /* the process's end */
};

/* A reader that remembers what it was told. */
struct reader {
	struct outstream_reader base;
	bool done, keep; /* keep: do not acknowledge */
	int r;
	char text[STREAM_CHUNK_MAX];
	size_t len;
};

static void on_data(struct outstream_reader *base, int r, const uint8_t *data, size_t len)
{
	struct reader *reader = container_of(base, struct reader, base);

	reader->done = true;
	reader->r = r;
	reader->len = len;
	if (len > 0)
		memcpy(reader->text, data, len);
	if (len > 0 && !reader->keep)
		outstream_ack(base, true);
}

static struct reader *new_reader(struct fixture *f, size_t max, bool keep)
{
	struct reader *reader = test_calloc(1, sizeof(*reader));

	list_init(&reader->base.link);
	reader->base.max = max;
	reader->base.done = on_data;
	reader->keep = keep;
	assert_int_equal(outstream_read(f->stream, &reader->base), 0);
	assert_false(reader->done);
	return reader;
}

/* Turns until the reader was told; false if that does not happen. */
static bool told(struct fixture *f, const struct reader *reader)
{
	for (int i = 0; i < TURNS_MAX && !reader->done; i++)
		assert_int_equal(loop_turn(f->loop, 5), 0);
	return reader->done;
}

static void assert_reads(struct fixture *f, const char *expected)
{
	struct reader *reader = new_reader(f, STREAM_CHUNK_MAX, false);

	assert_true(told(f, reader));
	assert_int_equal(reader->r, 0);
	assert_int_equal(reader->len, strlen(expected));
	assert_memory_equal(reader->text, expected, reader->len);
	test_free(reader);
}

static void setup_with(struct fixture *f, int reader_fd, int writer_fd, bool is_tty)
{
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(outstream_new(f->loop, reader_fd, is_tty, &f->stream), 0);
	f->writer = writer_fd;
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	int ends[2];

	assert_int_equal(sys_pipe2(ends, O_CLOEXEC), 0);
	setup_with(f, ends[0], ends[1], false);
	*state = f;
	return 0;
}

static int setup_tty(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct termios tio;
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &tio), 0);
	cfmakeraw(&tio);
	assert_int_equal(tcsetattr(slave, TCSANOW, &tio), 0);
	setup_with(f, master, slave, true);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)outstream_free(f->stream);
	(void)loop_free(f->loop);
	fd_closep(&f->writer);
	test_free(f);
	return 0;
}

static void write_text(const struct fixture *f, const char *text)
{
	assert_int_equal(fd_write_all(f->writer, text, strlen(text)), 0);
}

static void data_then_kernel_eof(void **state)
{
	struct fixture *f = *state;

	write_text(f, "hello");
	assert_reads(f, "hello");
	fd_closep(&f->writer);
	assert_reads(f, "");
	assert_int_equal(outstream_counters(f->stream).delivered, 5);
}

static void waits_until_there_is_data(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = new_reader(f, 100, false);

	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->loop, 1), 0);
	assert_false(reader->done);
	write_text(f, "late");
	assert_true(told(f, reader));
	assert_int_equal(reader->len, 4);
	test_free(reader);
}

static void a_chunk_whose_client_left_goes_to_the_next_reader(void **state)
{
	struct fixture *f = *state;
	struct reader *lost = new_reader(f, 100, true), *next;

	write_text(f, "precious");
	assert_true(told(f, lost));
	next = new_reader(f, 3, false);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->loop, 1), 0);
	assert_false(next->done); /* one chunk is out at a time, or the order would be lost */
	outstream_ack(&lost->base, false);
	assert_true(told(f, next));
	assert_int_equal(next->len, 3);
	assert_memory_equal(next->text, "pre", 3);
	assert_reads(f, "cious");
	assert_int_equal(outstream_counters(f->stream).in, 8);
	assert_int_equal(outstream_counters(f->stream).delivered, 8);
	test_free(lost);
	test_free(next);
}

static void cancelled_reader_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct reader *gone = new_reader(f, 100, false);

	outstream_cancel(&gone->base);
	write_text(f, "kept");
	assert_reads(f, "kept");
	assert_false(gone->done);
	test_free(gone);
}

static void orphan_cannot_hold_the_end_back(void **state)
{
	struct fixture *f = *state;

	write_text(f, "own output");
	outstream_process_exited(f->stream);
	assert_reads(f, "own output");
	assert_reads(f, ""); /* f->writer, the orphan, is still open */
	write_text(f, "late");
	for (int i = 0; i < TURNS_MAX && outstream_counters(f->stream).late == 0; i++)
		assert_int_equal(loop_turn(f->loop, 5), 0);
	assert_int_equal(outstream_counters(f->stream).late, 4);
	assert_int_equal(outstream_counters(f->stream).lost, 0);
}

static void orphan_may_add_output_within_the_grace(void **state)
{
	struct fixture *f = *state;
	struct reader *reader;

	outstream_process_exited(f->stream);
	reader = new_reader(f, 100, false);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->loop, 1), 0);
	assert_false(reader->done);
	write_text(f, "tee");
	assert_true(told(f, reader));
	assert_int_equal(reader->len, 3);
	test_free(reader);
}

static void own_output_is_complete_however_late_it_is_read(void **state)
{
	struct fixture *f = *state;
	char *big = test_calloc(1, 60001);

	memset(big, 'x', 60000);
	write_text(f, big);
	outstream_process_exited(f->stream);
	(void)usleep((ORPHAN_GRACE_MS + 50) * 1000); /* the timer alone must not end it */
	assert_reads(f, big);
	assert_reads(f, "");
	test_free(big);
}

static void chatty_orphan_ends_too(void **state)
{
	struct fixture *f = *state;
	char block[4096];
	struct reader *reader = NULL;
	size_t total = 0;

	memset(block, 'o', sizeof(block));
	assert_int_equal(fd_set_nonblock(f->writer, true), 0);
	outstream_process_exited(f->stream);
	(void)usleep((ORPHAN_GRACE_MS + 50) * 1000);
	/* It fills the pipe before each read, so that a read never sees it empty. */
	for (int i = 0; i < 1000; i++) {
		while (sys_write(f->writer, block, sizeof(block)) > 0)
			;
		reader = new_reader(f, sizeof(block), false);
		assert_true(told(f, reader));
		total += reader->len;
		if (reader->len == 0)
			break;
		test_free(reader);
	}
	assert_int_equal(reader->len, 0);
	assert_true(total >= 65536); /* as much as the pipe could hold of the process's own */
	test_free(reader);
}

static void freeing_tells_the_end(void **state)
{
	struct fixture *f = *state;
	struct reader *reader = new_reader(f, 10, false);

	f->stream = outstream_free(f->stream);
	assert_true(reader->done);
	assert_int_equal(reader->r, 0);
	assert_int_equal(reader->len, 0);
	test_free(reader);
}

static void unread_output_is_counted_when_discarded(void **state)
{
	struct fixture *f = *state;

	write_text(f, "nobody wants me");
	outstream_process_exited(f->stream);
	fd_closep(&f->writer);
	assert_false(outstream_is_empty(f->stream));
	outstream_discard(f->stream);
	assert_true(outstream_is_empty(f->stream));
	assert_int_equal(outstream_counters(f->stream).lost, 15);
}

static void tap_changed(struct outstream_tap *tap)
{
	(void)tap;
}

/* Writes and takes a whole large window, of which nothing is acknowledged before the end. */
static void flow_through(struct fixture *f, struct outstream_tap *tap)
{
	static const char data[4096];
	uint64_t end = tap->sent + STREAM_WINDOW_MAX;
	const uint8_t *seen;

	for (uint64_t written = tap->sent; tap->sent < end; assert_int_equal(loop_turn(f->loop, 5), 0)) {
		for (; written < end && write(f->writer, data, sizeof(data)) > 0; written += sizeof(data))
			;
		outstream_sent(tap, outstream_peek(tap, &seen));
	}
	assert_int_equal(outstream_confirm(tap, end), 0);
}

static void a_fast_stream_keeps_its_window_until_it_is_idle(void **state)
{
	struct fixture *f = *state;
	unsigned n_large = 0;
	struct outstream_tap tap = { .changed = tap_changed, .n_large = &n_large };
	uint64_t offset;

	assert_int_equal(fd_set_nonblock(f->writer, true), 0);
	assert_int_equal(outstream_attach(f->stream, &tap), 0);
	assert_int_equal(outstream_place(&tap, 0, &offset), 0);
	for (int i = 0; i < 3; i++) {
		flow_through(f, &tap);
		assert_int_equal(n_large, 1);
	}
	for (int i = 0; i < 3000 && n_large > 0; i++)
		assert_int_equal(loop_turn(f->loop, 10), 0);
	assert_int_equal(n_large, 0);
	flow_through(f, &tap);
	assert_int_equal(n_large, 1);
	(void)fd_close(f->writer);
	f->writer = -EBADF;
	for (int i = 0; i < TURNS_MAX && !outstream_is_over(&tap); i++)
		assert_int_equal(loop_turn(f->loop, 5), 0);
	assert_int_equal(n_large, 0);
	outstream_detach(&tap);
}

static void note_drained(void *arg)
{
	(*(int *)arg)++;
}

static void owner_is_told_once_when_nothing_is_left(void **state)
{
	struct fixture *f = *state;
	int drained = 0;

	write_text(f, "x");
	outstream_process_exited(f->stream);
	outstream_on_drained(f->stream, note_drained, &drained);
	fd_closep(&f->writer);
	assert_int_equal(loop_turn(f->loop, 1), 0);
	assert_int_equal(drained, 0);
	assert_reads(f, "x");
	assert_reads(f, "");
	assert_int_equal(drained, 1);
}

int test_stream_out(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(data_then_kernel_eof, setup, teardown),
		cmocka_unit_test_setup_teardown(data_then_kernel_eof, setup_tty, teardown),
		cmocka_unit_test_setup_teardown(waits_until_there_is_data, setup, teardown),
		cmocka_unit_test_setup_teardown(a_chunk_whose_client_left_goes_to_the_next_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(cancelled_reader_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(orphan_cannot_hold_the_end_back, setup, teardown),
		cmocka_unit_test_setup_teardown(orphan_cannot_hold_the_end_back, setup_tty, teardown),
		cmocka_unit_test_setup_teardown(orphan_may_add_output_within_the_grace, setup, teardown),
		cmocka_unit_test_setup_teardown(own_output_is_complete_however_late_it_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(chatty_orphan_ends_too, setup, teardown),
		cmocka_unit_test_setup_teardown(freeing_tells_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(unread_output_is_counted_when_discarded, setup, teardown),
		cmocka_unit_test_setup_teardown(a_fast_stream_keeps_its_window_until_it_is_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(owner_is_told_once_when_nothing_is_left, setup, teardown),
	};

	return cmocka_run_group_tests_name("stream_out", tests, NULL, NULL);
}
