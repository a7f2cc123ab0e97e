/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/stream.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define NS_PER_MS	 1000000
#define TTY_CAPACITY	 65536 /* more than a pty's buffers hold on any kernel */
#define DISCARD_READS	 64    /* an orphan may write as fast as we read */

struct outstream {
	struct loop *loop;
	struct loop_source source;
	struct loop_timer grace;
	struct loop_deferred serve;
	int fd;
	bool is_tty;
	bool exited; /* the process was reaped */
	bool proven; /* all its own output has been read since */
	bool ended;
	uint64_t exited_ns, since_exit, capacity;
	struct list readers;
	struct outstream_reader *holder; /* has the chunk and has not acknowledged it */
	uint8_t *chunk;
	size_t chunk_len, given;
	struct outstream_counters counters;
	void (*drained)(void *arg);
	void *drained_arg;
};

static void serve(struct outstream *s);

static void close_fd(struct outstream *s)
{
	loop_remove(&s->source);
	s->fd = fd_close(s->fd);
	s->source.fd = -EBADF;
}

static void drop_chunk(struct outstream *s)
{
	free(s->chunk);
	s->chunk = NULL;
	s->chunk_len = 0;
}

static bool grace_is_over(const struct outstream *s)
{
	return sys_now(CLOCK_MONOTONIC) - s->exited_ns >= (uint64_t)ORPHAN_GRACE_MS * NS_PER_MS;
}

/* Reads and throws away what an orphan still writes, so that it neither blocks nor gets SIGPIPE. */
static void drain_late(struct outstream *s)
{
	uint8_t bin[4096];
	ssize_t n = sys_read(s->fd, bin, sizeof(bin));

	if (n > 0)
		s->counters.late += (uint64_t)n;
	else if (n != -EAGAIN && n != -EINTR)
		close_fd(s);
}

/* The last thing done to the stream in a turn: the owner may free it. */
static void tell_if_drained(struct outstream *s)
{
	void (*drained)(void *arg) = s->drained;

	if (!drained || !s->ended || s->fd >= 0 || s->chunk_len > 0 || s->holder)
		return;
	s->drained = NULL;
	drained(s->drained_arg);
}

static int on_event(struct loop_source *source, uint32_t events)
{
	struct outstream *s = container_of(source, struct outstream, source);

	(void)events;
	if (s->ended)
		drain_late(s);
	serve(s);
	return LOOP_KEEP;
}

static void on_grace(struct loop_timer *timer)
{
	serve(container_of(timer, struct outstream, grace));
}

static void on_serve(struct loop_deferred *deferred)
{
	serve(container_of(deferred, struct outstream, serve));
}

int outstream_new(struct loop *loop, int fd, bool is_tty, struct outstream **ret)
{
	struct outstream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->is_tty = is_tty;
	s->source = (struct loop_source){ .name = "output", .fd = fd, .callback = on_event };
	s->grace.expired = on_grace;
	s->serve.run = on_serve;
	list_init(&s->serve.link);
	list_init(&s->readers);
	r = fd_set_nonblock(fd, true);
	if (r >= 0)
		r = loop_add(loop, &s->source);
	if (r < 0) {
		free(s);
		return r;
	}
	s->fd = fd;
	*ret = s;
	return 0;
}

static void answer(struct outstream_reader *reader, int r)
{
	list_remove(&reader->link);
	reader->stream = NULL;
	reader->done(reader, r, NULL, 0);
}

struct outstream *outstream_free(struct outstream *s)
{
	if (!s)
		return NULL;
	s->ended = true;
	if (s->holder)
		s->holder->stream = NULL;
	list_foreach(reader, &s->readers, struct outstream_reader, link)
		answer(reader, 0);
	list_remove(&s->serve.link);
	loop_timer_stop(&s->grace);
	close_fd(s);
	free(s->chunk);
	free(s);
	return NULL;
}

static void end(struct outstream *s, bool kernel_eof)
{
	s->ended = true;
	loop_timer_stop(&s->grace);
	if (kernel_eof)
		close_fd(s);
}

/* The rule of D6: reaped, its own output proven out, and the orphans' grace over. */
static void end_if_orphans_only(struct outstream *s)
{
	if (s->exited && s->proven && grace_is_over(s))
		end(s, false);
}

/* Reads one chunk; 1 = there is one, 0 = nothing now (or the end), -errno. */
static int fill(struct outstream *s, size_t max)
{
	uint8_t *chunk = malloc(max);
	ssize_t n;

	if (!chunk)
		return -ENOMEM;
	do {
		n = sys_read(s->fd, chunk, max);
	} while (n == -EINTR);
	if (n > 0) {
		s->chunk = chunk;
		s->chunk_len = (size_t)n;
		s->counters.in += (uint64_t)n;
		s->since_exit += s->exited ? (uint64_t)n : 0;
		if (s->exited && s->since_exit >= s->capacity)
			s->proven = true;
		return 1;
	}
	free(chunk);
	if (n == -EAGAIN) {
		s->proven = s->exited;
		end_if_orphans_only(s);
		return 0;
	}
	if (n == 0 || (n == -EIO && s->is_tty)) {
		end(s, true);
		return 0;
	}
	return (int)n;
}

static void give(struct outstream *s, struct outstream_reader *reader)
{
	list_remove(&reader->link);
	s->holder = reader;
	s->given = reader->max < s->chunk_len ? reader->max : s->chunk_len;
	reader->done(reader, 0, s->chunk, s->given);
}

static void update_interest(struct outstream *s)
{
	bool waiting = !list_is_empty(&s->readers) && !s->holder && !s->ended;
	uint64_t age_ms;

	if (s->fd < 0)
		return;
	(void)loop_modify(&s->source, waiting || s->ended ? EPOLLIN : 0);
	if (!waiting || !s->exited)
		return;
	age_ms = (sys_now(CLOCK_MONOTONIC) - s->exited_ns) / NS_PER_MS;
	if (age_ms < ORPHAN_GRACE_MS)
		(void)loop_timer_start(s->loop, &s->grace, ORPHAN_GRACE_MS - age_ms + 1);
}

static void serve(struct outstream *s)
{
	while (!list_is_empty(&s->readers) && !s->holder) {
		struct outstream_reader *reader = list_first(&s->readers, struct outstream_reader, link);
		int r = 0;

		if (s->chunk_len == 0 && !s->ended)
			end_if_orphans_only(s);
		if (s->chunk_len == 0 && !s->ended)
			r = fill(s, reader->max);
		if (r < 0)
			answer(reader, r);
		else if (s->chunk_len > 0)
			give(s, reader);
		else if (s->ended)
			answer(reader, 0);
		else
			break;
	}
	update_interest(s);
	tell_if_drained(s);
}

int outstream_read(struct outstream *s, struct outstream_reader *reader)
{
	if (reader->max == 0)
		reader->max = 1;
	if (reader->max > STREAM_CHUNK_MAX)
		reader->max = STREAM_CHUNK_MAX;
	reader->stream = s;
	list_append(&s->readers, &reader->link);
	loop_defer(s->loop, &s->serve);
	return 0;
}

void outstream_ack(struct outstream_reader *reader, bool delivered)
{
	struct outstream *s = reader->stream;

	if (!s || s->holder != reader)
		return;
	reader->stream = NULL;
	s->holder = NULL;
	if (delivered) {
		s->counters.delivered += s->given;
		s->chunk_len -= s->given;
		/* A chunk that was cut for a reader with a smaller buffer moves up; that is rare. */
		memmove(s->chunk, s->chunk + s->given, s->chunk_len);
		if (s->chunk_len == 0)
			drop_chunk(s);
	}
	loop_defer(s->loop, &s->serve);
}

void outstream_cancel(struct outstream_reader *reader)
{
	outstream_ack(reader, false);
	list_remove(&reader->link);
	reader->stream = NULL;
}

void outstream_on_drained(struct outstream *s, void (*drained)(void *arg), void *arg)
{
	s->drained = drained;
	s->drained_arg = arg;
	loop_defer(s->loop, &s->serve);
}

void outstream_process_exited(struct outstream *s)
{
	int size = s->is_tty ? TTY_CAPACITY : sys_fcntl(s->fd, F_GETPIPE_SZ, 0);

	s->exited = true;
	s->exited_ns = sys_now(CLOCK_MONOTONIC);
	s->capacity = size > 0 ? (uint64_t)size : TTY_CAPACITY;
	loop_defer(s->loop, &s->serve);
}

bool outstream_is_empty(const struct outstream *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	if (s->chunk_len > 0)
		return false;
	if (s->fd < 0)
		return true;
	return sys_poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) && !(p.revents & POLLIN);
}

void outstream_discard(struct outstream *s)
{
	uint8_t bin[4096];
	ssize_t n = 1;

	s->counters.lost += s->holder ? 0 : s->chunk_len;
	for (int i = 0; s->fd >= 0 && n > 0 && i < DISCARD_READS; i++) {
		n = sys_read(s->fd, bin, sizeof(bin));
		if (n > 0) {
			s->counters.in += (uint64_t)n;
			s->counters.lost += (uint64_t)n;
		}
	}
	if (!s->holder)
		drop_chunk(s);
	end(s, true);
	loop_defer(s->loop, &s->serve);
}

struct outstream_counters outstream_counters(const struct outstream *s)
{
	return s->counters;
}
