/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/passfd_stdio.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/reaper.h"
#include "tests/unit/agent/plane.h"

#define BIG (2 << 20)

/* An exec "e1" with pipes, whose streams are socket pairs. */
struct fixture {
	struct plane *plane;
	struct process *p;
	int in, out, err;        /* the process's ends, -EBADF = none */
	int host[KSTR_KIND_MAX]; /* the host's ends */
	struct process_waiter waiter;
	int code; /* -1: the exit was not told */
};

static void told(struct process_waiter *waiter, int code)
{
	container_of(waiter, struct fixture, waiter)->code = code;
}

static int setup(void **state)
{
	struct fixture *x = test_calloc(1, sizeof(*x));

	assert_int_equal(plane_setup(state), 0);
	x->plane = *state;
	list_init(&x->plane->sandbox.lingering);
	assert_return_code(reaper_new(&x->plane->sandbox.env.reaper), 0);
	assert_return_code(process_new(&x->plane->container, "e1", false, &x->p), 0);
	for (int i = 0; i < KSTR_KIND_MAX; i++)
		x->host[i] = -EBADF;
	x->in = x->out = x->err = -EBADF;
	x->code = -1;
	x->waiter.done = told;
	list_init(&x->waiter.link);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	struct plane *plane = x->plane;

	(void)process_free(x->p);
	(void)reaper_free(plane->sandbox.env.reaper);
	for (int i = 0; i < KSTR_KIND_MAX; i++)
		fd_closep(&x->host[i]);
	fd_closep(&x->in);
	fd_closep(&x->out);
	fd_closep(&x->err);
	test_free(x);
	*state = plane;
	return plane_teardown(state);
}

static struct passfd_stream *make_stream(struct fixture *x, enum kstr_kind kind)
{
	struct passfd_stream *stream = calloc(1, sizeof(*stream));
	int pair[2];

	assert_non_null(stream);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), errno);
	list_init(&stream->link);
	stream->fd = pair[0];
	stream->port = 70 + kind;
	x->host[kind] = pair[1];
	return stream;
}

static void open_pipe(int *ret_ours, int *ret_process, bool is_input)
{
	int ends[2];

	assert_return_code(pipe(ends), errno);
	*ret_ours = ends[is_input];
	*ret_process = ends[!is_input];
	assert_return_code(fd_set_nonblock(*ret_process, true), 0);
}

/* Kinds as a bit mask. */
static void begin(struct fixture *x, unsigned kinds)
{
	struct passfd_streams streams = { .v = { NULL } };
	int ours[3] = { -EBADF, -EBADF, -EBADF };

	for (int i = 0; i < KSTR_KIND_MAX; i++)
		if (kinds & 1u << i)
			streams.v[i] = make_stream(x, (enum kstr_kind)i);
	assert_return_code(passfd_stdio_new(x->p, &streams, &x->p->passfd), 0);
	for (int i = 0; i < KSTR_KIND_MAX; i++)
		assert_int_equal(passfd_stdio_lacks(x->p->passfd, (enum kstr_kind)i), kinds && !(kinds & 1u << i));
	if (kinds & 1u << KSTR_STDIN)
		open_pipe(&ours[0], &x->in, true);
	if (kinds & 1u << KSTR_STDOUT)
		open_pipe(&ours[1], &x->out, false);
	if (kinds & 1u << KSTR_STDERR)
		open_pipe(&ours[2], &x->err, false);
	assert_return_code(process_attach_pipes(x->p, ours[0], ours[1], ours[2]), 0);
	assert_return_code(process_set_state(x->p, PROCESS_CREATED), 0);
	process_wait(x->p, &x->waiter);
}

#define IN  (1u << KSTR_STDIN)
#define OUT (1u << KSTR_STDOUT)
#define ERR (1u << KSTR_STDERR)

/* The process ends, and with it its ends of the pipes. */
static void end_process(struct fixture *x, int code)
{
	fd_closep(&x->in);
	fd_closep(&x->out);
	fd_closep(&x->err);
	process_watch(x->p, 4321, -EBADF);
	reaper_remove(&x->p->child);
	x->p->child.exited(&x->p->child, code);
	plane_turns(x->plane);
}

static void copies(struct fixture *x, int from, int to, size_t n)
{
	uint8_t data[65536], got[65536];
	size_t sent = 0, received = 0;

	for (int left = 4000; received < n && left > 0; left--) {
		size_t want = n - sent < sizeof(data) ? n - sent : sizeof(data);
		ssize_t r;

		plane_pattern(data, want, sent);
		r = want ? write(from, data, want) : 0;
		sent += r > 0 ? (size_t)r : 0;
		assert_return_code(loop_turn(x->plane->loop, 0), 0);
		r = read(to, got, sizeof(got));
		if (r <= 0)
			continue;
		plane_pattern(data, (size_t)r, received);
		assert_memory_equal(data, got, (size_t)r);
		received += (size_t)r;
	}
	assert_int_equal(received, n);
}

static void bytes_go_all_three_ways(void **state)
{
	struct fixture *x = *state;
	struct outstream_counters out, err;
	uint64_t in;

	begin(x, IN | OUT | ERR);
	copies(x, x->host[KSTR_STDIN], x->in, BIG);
	copies(x, x->out, x->host[KSTR_STDOUT], BIG);
	copies(x, x->err, x->host[KSTR_STDERR], 1000);
	process_counters(x->p, &in, &out, &err);
	assert_int_equal(in, BIG);
	assert_int_equal(out.in, BIG);
	assert_int_equal(out.delivered, BIG);
	assert_int_equal(err.delivered, 1000);
	end_process(x, 5);
	assert_int_equal(x->code, 5);
	for (int i = 0; i < KSTR_KIND_MAX; i++)
		plane_expect_end(x->plane, x->host[i]);
	assert_null(x->p->passfd);
}

static void no_stream_is_no_object(void **state)
{
	struct fixture *x = *state;

	begin(x, 0);
	assert_null(x->p->passfd);
	end_process(x, 1);
	assert_int_equal(x->code, 1);
}

/* The host does not read: the process waits at its pipe, and we hold a window at most. */
static void back_pressure(void **state)
{
	struct fixture *x = *state;
	uint8_t data[4096] = { 0 };
	size_t written = 0;

	begin(x, OUT);
	for (int quiet = 0; quiet < 50; quiet++) {
		ssize_t n = write(x->out, data, sizeof(data));

		if (n > 0) {
			written += (size_t)n;
			quiet = 0;
		}
		assert_return_code(loop_turn(x->plane->loop, 0), 0);
	}
	assert_in_range(written, 65536, 3 << 20);
}

static void fill(struct fixture *x)
{
	uint8_t data[4096] = { 0 };

	for (int quiet = 0; quiet < 50; quiet++) {
		if (write(x->out, data, sizeof(data)) > 0)
			quiet = 0;
		assert_return_code(loop_turn(x->plane->loop, 0), 0);
	}
}

static size_t drain(struct fixture *x, int fd)
{
	static uint8_t data[65536];
	size_t got = 0;

	for (int left = 400; left > 0; left--) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		got += n > 0 ? (size_t)n : 0;
		assert_return_code(loop_turn(x->plane->loop, n > 0 ? 0 : 5), 0);
	}
	return got;
}

static void the_exit_comes_after_the_output(void **state)
{
	struct fixture *x = *state;
	struct outstream_counters out, err;
	uint64_t in;

	begin(x, IN | OUT);
	fill(x);
	end_process(x, 6);
	assert_int_equal(x->code, -1);
	assert_int_equal(x->p->state, PROCESS_EXITED);
	/* Nor to those who ask later. */
	process_wait_cancel(&x->waiter);
	process_wait(x->p, &x->waiter);
	plane_turns(x->plane);
	assert_int_equal(x->code, -1);
	process_counters(x->p, &in, &out, &err);
	(void)drain(x, x->host[KSTR_STDOUT]);
	process_counters(x->p, &in, &out, &err);
	assert_int_equal(out.delivered, out.in);
	plane_turns(x->plane);
	assert_int_equal(x->code, 6);
}

/* It takes nothing: the exit is told after a time, and the rest is still the host's. */
static void a_host_that_stalls_is_not_waited_for(void **state)
{
	struct fixture *x = *state;
	struct outstream_counters out, err;
	uint64_t in;

	begin(x, OUT);
	fill(x);
	plane_short_timers = true;
	end_process(x, 7);
	for (int left = 100; x->code < 0 && left > 0; left--)
		assert_return_code(loop_turn(x->plane->loop, 5), 0);
	assert_int_equal(x->code, 7);
	assert_non_null(x->p->passfd);
	process_counters(x->p, &in, &out, &err);
	assert_true(out.delivered < out.in);
	assert_true(drain(x, x->host[KSTR_STDOUT]) >= out.in);
	process_counters(x->p, &in, &out, &err);
	assert_int_equal(out.delivered, out.in);
}

/* What it did not take stays for the calls, and the exit is told. */
static void a_host_that_vanishes(void **state)
{
	struct fixture *x = *state;

	begin(x, OUT | ERR);
	fill(x);
	fd_closep(&x->host[KSTR_STDOUT]);
	plane_turns(x->plane);
	assert_null(outstream_tap(x->p->out));
	assert_false(outstream_is_empty(x->p->out));
	end_process(x, 8);
	assert_int_equal(x->code, 8);
	plane_expect_end(x->plane, x->host[KSTR_STDERR]);
}

/* It says that it will say nothing, which is true, and noise before that is nobody's. */
static void an_output_may_be_half_closed(void **state)
{
	struct fixture *x = *state;
	char c;

	begin(x, OUT);
	assert_int_equal(write(x->host[KSTR_STDOUT], "noise", 5), 5);
	assert_return_code(shutdown(x->host[KSTR_STDOUT], SHUT_WR), errno);
	plane_turns(x->plane);
	assert_int_equal(write(x->out, "a", 1), 1);
	plane_receive(x->plane, x->host[KSTR_STDOUT], &c, 1);
	assert_int_equal(c, 'a');
	/* Idle, it costs no turns. */
	assert_return_code(loop_turn(x->plane->loop, 0), 0);
	end_process(x, 0);
	assert_int_equal(x->code, 0);
	plane_expect_end(x->plane, x->host[KSTR_STDOUT]);
}

static void half_a_close_ends_the_input(void **state)
{
	struct fixture *x = *state;
	char data[8];

	begin(x, IN);
	assert_int_equal(write(x->host[KSTR_STDIN], "last", 4), 4);
	assert_return_code(shutdown(x->host[KSTR_STDIN], SHUT_WR), errno);
	plane_receive(x->plane, x->in, data, 4);
	plane_expect_end(x->plane, x->in);
	plane_expect_end(x->plane, x->host[KSTR_STDIN]);
	assert_int_equal(x->code, -1);
}

static void calls_may_close_the_input(void **state)
{
	struct fixture *x = *state;

	begin(x, IN);
	assert_return_code(instream_close(x->p->in), 0);
	plane_expect_end(x->plane, x->in);
	plane_expect_end(x->plane, x->host[KSTR_STDIN]);
}

static void nobody_reads_the_input(void **state)
{
	struct fixture *x = *state;

	begin(x, IN);
	fd_closep(&x->in);
	assert_int_equal(write(x->host[KSTR_STDIN], "x", 1), 1);
	plane_turns(x->plane);
	plane_expect_end(x->plane, x->host[KSTR_STDIN]);
}

/* Neither politely nor by force. */
static void the_stream_port_does_not_supersede(void **state)
{
	struct fixture *x = *state;
	uint8_t header[KSTR_HEADER_MAX], answer[KSTR_ANSWER_SIZE];

	begin(x, IN | OUT);
	for (int kind = KSTR_STDIN; kind <= KSTR_STDOUT; kind++) {
		int fd = plane_connect(x->plane);
		int n = kstr_header_pack((enum kstr_kind)kind, KSTR_TAKE_OVER, 0, "web", "e1", header);

		plane_send(x->plane, fd, header, (size_t)n);
		plane_receive(x->plane, fd, answer, sizeof(answer));
		assert_int_equal(answer[3], KSTR_FAILED_PRECONDITION);
		(void)close(fd);
	}
	copies(x, x->out, x->host[KSTR_STDOUT], 100);
}

static void a_process_that_is_forgotten_ends_them(void **state)
{
	struct fixture *x = *state;

	begin(x, IN | OUT | ERR);
	fill(x);
	x->p = process_free(x->p);
	(void)drain(x, x->host[KSTR_STDOUT]);
	for (int i = 0; i < KSTR_KIND_MAX; i++)
		plane_expect_end(x->plane, x->host[i]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int test_passfd_stdio(void)
{
	const struct CMUnitTest tests[] = {
		T(bytes_go_all_three_ways),
		T(no_stream_is_no_object),
		T(back_pressure),
		T(the_exit_comes_after_the_output),
		T(a_host_that_stalls_is_not_waited_for),
		T(a_host_that_vanishes),
		T(an_output_may_be_half_closed),
		T(half_a_close_ends_the_input),
		T(calls_may_close_the_input),
		T(nobody_reads_the_input),
		T(the_stream_port_does_not_supersede),
		T(a_process_that_is_forgotten_ends_them),
	};

	return cmocka_run_group_tests_name("passfd_stdio", tests, NULL, NULL);
}
