/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/plane.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define PATIENCE 400 /* turns of 5 ms */

bool plane_short_timers;
int64_t plane_later_ms;

int __real_loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t ms);
int __wrap_loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t ms)
{
	return __real_loop_timer_start(loop, timer, plane_short_timers ? 10 : ms);
}

int64_t __real_sys_now_ms(void);
int64_t __wrap_sys_now_ms(void)
{
	return __real_sys_now_ms() + plane_later_ms;
}

static void make_pipe(int *ret_read, int *ret_write)
{
	int ends[2];

	assert_return_code(sys_pipe2(ends, O_CLOEXEC), 0);
	*ret_read = ends[0];
	*ret_write = ends[1];
}

int plane_setup(void **state)
{
	struct plane *f = test_calloc(1, sizeof(*f));
	int in, out, err;

	(void)signal(SIGPIPE, SIG_IGN);
	plane_short_timers = false;
	plane_later_ms = 0;
	assert_return_code(loop_new(&f->loop), 0);
	f->sandbox.env.loop = f->loop;
	list_init(&f->sandbox.containers);
	list_init(&f->container.processes);
	list_append(&f->sandbox.containers, &f->container.link);
	f->container.sandbox = &f->sandbox;
	f->container.id = "web";
	assert_return_code(process_new(&f->container, "web", true, &f->init), 0);
	f->container.init = f->init;
	make_pipe(&f->in, &in);
	make_pipe(&out, &f->out);
	make_pipe(&err, &f->err);
	assert_return_code(fd_set_nonblock(f->in, true), 0);
	assert_return_code(process_attach_pipes(f->init, in, out, err), 0);
	assert_return_code(process_set_state(f->init, PROCESS_CREATED), 0);
	f->conns.sandbox = &f->sandbox;
	list_init(&f->conns.list);
	*state = f;
	return 0;
}

int plane_teardown(void **state)
{
	struct plane *f = *state;

	plane_turns(f);
	streamconns_free(&f->conns);
	assert_int_equal(f->conns.n, 0);
	(void)process_free(f->init);
	/* Nothing of a connection or a stream may be left behind. */
	assert_int_equal(loop_count(f->loop), 0);
	(void)loop_free(f->loop);
	fd_closep(&f->in);
	fd_closep(&f->out);
	fd_closep(&f->err);
	test_free(f);
	return 0;
}

void plane_turns(struct plane *f)
{
	for (int i = 0; i < 10; i++)
		assert_return_code(loop_turn(f->loop, 1), 0);
}

int plane_connect(struct plane *f)
{
	int pair[2];

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), errno);
	assert_return_code(streamconn_new(&f->conns, pair[0]), 0);
	return pair[1];
}

void plane_send(struct plane *f, int fd, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (int left = PATIENCE; n > 0 && left > 0; left--) {
		ssize_t sent = write(fd, p, n);

		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
			left = PATIENCE;
		}
		assert_return_code(loop_turn(f->loop, sent > 0 ? 0 : 5), 0);
	}
	assert_int_equal(n, 0);
}

void plane_mark(struct plane *f, int fd, uint64_t offset)
{
	uint8_t mark[KSTR_MARK_SIZE];

	kstr_mark_pack(offset, mark);
	plane_send(f, fd, mark, sizeof(mark));
}

void plane_receive(struct plane *f, int fd, void *data, size_t n)
{
	uint8_t *p = data;

	for (int left = PATIENCE; n > 0 && left > 0; left--) {
		ssize_t got = read(fd, p, n);

		assert_int_not_equal(got, 0);
		if (got > 0) {
			p += got;
			n -= (size_t)got;
			left = PATIENCE;
		} else {
			assert_int_equal(errno, EAGAIN);
			assert_return_code(loop_turn(f->loop, 5), 0);
		}
	}
	assert_int_equal(n, 0);
}

int plane_attach(struct plane *f, enum kstr_kind kind, uint64_t offset, enum kstr_status status, uint64_t from)
{
	uint8_t header[KSTR_HEADER_MAX], answer[KSTR_ANSWER_SIZE];
	int fd = plane_connect(f), n = kstr_header_pack(kind, 0, offset, "web", "", header);
	uint64_t said;
	uint32_t code;

	assert_true(n > 0);
	plane_send(f, fd, header, (size_t)n);
	plane_receive(f, fd, answer, sizeof(answer));
	kstr_answer_parse(answer, &code, &said);
	assert_int_equal(code, status);
	assert_int_equal(said, from);
	if (status != KSTR_OK)
		plane_expect_end(f, fd);
	return fd;
}

void plane_expect_silence(struct plane *f, int fd)
{
	char c;

	plane_turns(f);
	assert_int_equal(read(fd, &c, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

void plane_expect_end(struct plane *f, int fd)
{
	for (int left = PATIENCE; left > 0; left--) {
		char c;
		ssize_t n = read(fd, &c, 1);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return;
		assert_true(n < 0);
		assert_return_code(loop_turn(f->loop, 5), 0);
	}
	fail_msg("the connection was not ended");
}

void plane_pattern(uint8_t *data, size_t n, uint64_t offset)
{
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)((offset + i) * 7 + (offset + i) / 251);
}
