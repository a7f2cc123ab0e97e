/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

struct fixture {
	struct loop *loop;
	struct instream *stream;
	int reader; /* the process's end */
	int master; /* of a terminal: the output's dup, which keeps it alive */
};

struct writer {
	struct instream_writer base;
	bool done;
	int r;
};

static void on_written(struct instream_writer *base, int r)
{
	struct writer *w = container_of(base, struct writer, base);

	w->done = true;
	w->r = r;
}

static void fill_writer(struct writer *w, const void *data, size_t len)
{
	*w = (struct writer){ .base = { .data = data, .len = len, .done = on_written } };
	list_init(&w->base.link);
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(f->loop, 1), 0);
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	int ends[2];

	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(sys_pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(instream_new(f->loop, ends[1], false, &f->stream), 0);
	f->reader = ends[0];
	f->master = -EBADF;
	*state = f;
	return 0;
}

static int setup_tty(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	int master;

	assert_int_equal(openpty(&master, &f->reader, NULL, NULL, NULL), 0);
	f->master = dup(master);
	assert_true(f->master >= 0);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(instream_new(f->loop, master, true, &f->stream), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)instream_free(f->stream);
	(void)loop_free(f->loop);
	fd_closep(&f->reader);
	fd_closep(&f->master);
	test_free(f);
	return 0;
}

static void writes_arrive_in_order_and_close_comes_last(void **state)
{
	struct fixture *f = *state;
	struct writer a, b;
	char text[16];

	fill_writer(&a, "one ", 4);
	fill_writer(&b, "two", 3);
	assert_int_equal(instream_write(f->stream, &a.base), 0);
	assert_int_equal(instream_write(f->stream, &b.base), 0);
	assert_int_equal(instream_close(f->stream), 0);
	assert_false(a.done);
	turn(f);
	assert_true(a.done && b.done);
	assert_int_equal(read(f->reader, text, sizeof(text)), 7);
	assert_memory_equal(text, "one two", 7);
	assert_int_equal(read(f->reader, text, sizeof(text)), 0);
	assert_int_equal(instream_written(f->stream), 7);
}

static void a_full_pipe_parks_the_writer(void **state)
{
	struct fixture *f = *state;
	size_t size = 200000, got = 0;
	char *data = test_calloc(1, size), *copy = test_calloc(1, size);
	struct writer w;

	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7 + i / 251);
	fill_writer(&w, data, size);
	assert_int_equal(instream_write(f->stream, &w.base), 0);
	turn(f);
	assert_false(w.done);
	while (got < size) {
		ssize_t n = read(f->reader, copy + got, size - got);

		assert_true(n > 0);
		got += (size_t)n;
		turn(f);
	}
	assert_true(w.done);
	assert_int_equal(w.r, 0);
	assert_memory_equal(data, copy, size);
	test_free(data);
	test_free(copy);
}

static void nobody_reads_is_epipe(void **state)
{
	struct fixture *f = *state;
	struct writer w;

	fd_closep(&f->reader);
	fill_writer(&w, "x", 1);
	assert_int_equal(instream_write(f->stream, &w.base), 0);
	turn(f);
	assert_true(w.done);
	assert_int_equal(w.r, -EPIPE);
}

static void write_after_close_is_epipe(void **state)
{
	struct fixture *f = *state;
	struct writer w;

	fill_writer(&w, "x", 1);
	assert_int_equal(instream_close(f->stream), 0);
	assert_int_equal(instream_close(f->stream), 0);
	assert_int_equal(instream_write(f->stream, &w.base), -EPIPE);
}

static void cancelled_writer_is_not_told(void **state)
{
	struct fixture *f = *state;
	char *data = test_calloc(1, 200000);
	struct writer w;

	fill_writer(&w, data, 200000);
	assert_int_equal(instream_write(f->stream, &w.base), 0);
	turn(f);
	instream_cancel(&w.base);
	test_free(data);
	turn(f);
	assert_false(w.done);
}

static void freeing_fails_waiting_writers(void **state)
{
	struct fixture *f = *state;
	struct writer w;

	fill_writer(&w, "x", 1);
	assert_int_equal(instream_write(f->stream, &w.base), 0);
	f->stream = instream_free(f->stream);
	assert_true(w.done);
	assert_int_equal(w.r, -EPIPE);
}

static void closing_a_terminal_types_end_of_file(void **state)
{
	struct fixture *f = *state;
	struct writer w;
	char text[16];

	fill_writer(&w, "line\n", 5);
	assert_int_equal(instream_write(f->stream, &w.base), 0);
	assert_int_equal(instream_close(f->stream), 0);
	turn(f);
	assert_int_equal(read(f->reader, text, sizeof(text)), 5);
	assert_int_equal(read(f->reader, text, sizeof(text)), 0);
}

int test_stream_in(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_arrive_in_order_and_close_comes_last, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_pipe_parks_the_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_reads_is_epipe, setup, teardown),
		cmocka_unit_test_setup_teardown(write_after_close_is_epipe, setup, teardown),
		cmocka_unit_test_setup_teardown(cancelled_writer_is_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(freeing_fails_waiting_writers, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_a_terminal_types_end_of_file, setup_tty, teardown),
	};

	return cmocka_run_group_tests_name("stream_in", tests, NULL, NULL);
}
