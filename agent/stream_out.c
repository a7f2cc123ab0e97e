/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/stream.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define NS_PER_MS      1000000
#define TTY_CAPACITY   65536 /* more than a pty's buffers hold on any kernel */
#define WINDOW_IDLE_MS 1000  /* how long an empty window is kept for a stream that was fast */
#define DISCARD_READS  64    /* an orphan may write as fast as we read */

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
	struct outstream_reader *holder; /* has the front of the window and has not acknowledged it */
	size_t given;                    /* bytes that it has */
	struct outstream_tap *tap;
	uint8_t *window; /* a ring of `size` bytes: what was read and not acknowledged; NULL when empty */
	size_t size, start, len;
	size_t fresh;           /* bytes read since `idle` began, or ever */
	struct loop_timer idle; /* runs while an empty window is kept */
	bool is_kept;
	unsigned *n_large; /* where a large window is counted; NULL = it is none */
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

static void drop_window(struct outstream *s)
{
	if (s->n_large) {
		(void)sys_munmap(s->window, STREAM_WINDOW_MAX);
		(*s->n_large)--;
	} else {
		free(s->window);
	}
	s->window = NULL;
	s->n_large = NULL;
	s->start = s->len = s->size = 0;
	loop_timer_stop(&s->idle);
	s->is_kept = false;
}

/*
 * The window is empty. A process that has nothing to say costs no memory; but to a fast one the pages of a new window,
 * again and again, would cost as much as the copying.
 */
static void rest_window(struct outstream *s)
{
	s->start = 0;
	if (s->is_kept && !s->ended)
		return;
	if (s->ended || s->fresh < STREAM_WINDOW_MAX || loop_timer_start(s->loop, &s->idle, WINDOW_IDLE_MS) < 0) {
		drop_window(s);
		return;
	}
	s->is_kept = true;
	s->fresh = 0;
}

static void on_idle(struct loop_timer *timer)
{
	struct outstream *s = container_of(timer, struct outstream, idle);

	s->is_kept = false;
	if (s->len == 0)
		rest_window(s);
	s->fresh = 0;
}

static bool is_full(const struct outstream *s)
{
	return s->window && s->len == s->size;
}

/* Offset of the window's first byte. */
static uint64_t base(const struct outstream *s)
{
	return s->counters.in - s->len;
}

/* The window's first n bytes have reached a client. */
static void deliver(struct outstream *s, size_t n)
{
	s->counters.delivered += n;
	s->start = (s->start + n) % s->size;
	s->len -= n;
	if (s->len == 0)
		rest_window(s);
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

	if (!drained || !s->ended || s->fd >= 0 || s->len > 0 || s->holder)
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
	s->idle.expired = on_idle;
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
	if (s->tap) {
		s->tap->stream = NULL;
		s->tap->sent = s->counters.in;
		s->tap->changed(s->tap);
	}
	list_remove(&s->serve.link);
	loop_timer_stop(&s->grace);
	close_fd(s);
	drop_window(s);
	free(s);
	return NULL;
}

static void end(struct outstream *s, bool kernel_eof)
{
	s->ended = true;
	loop_timer_stop(&s->grace);
	if (s->len == 0)
		drop_window(s);
	if (kernel_eof)
		close_fd(s);
}

/* The rule of D6: reaped, its own output proven out, and the orphans' grace over. */
static void end_if_orphans_only(struct outstream *s)
{
	if (s->exited && s->proven && grace_is_over(s))
		end(s, false);
}

/* Bytes of the ring that lie together, from the k-th on. */
static size_t together(const struct outstream *s, size_t k, size_t n)
{
	size_t left = s->size - (s->start + k) % s->size;

	return n < left ? n : left;
}

/* Reads up to max bytes into the window; 1 = there are new ones, 0 = nothing now (or the end), -errno. */
static int fill(struct outstream *s, size_t max)
{
	ssize_t n;

	if (!s->window) {
		s->window = malloc(STREAM_CHUNK_MAX);
		s->size = s->window ? STREAM_CHUNK_MAX : 0;
	}
	if (!s->window)
		return -ENOMEM;
	max = together(s, s->len, max < s->size - s->len ? max : s->size - s->len);
	do {
		n = sys_read(s->fd, s->window + (s->start + s->len) % s->size, max);
	} while (n == -EINTR);
	if (n > 0) {
		s->len += (size_t)n;
		s->counters.in += (uint64_t)n;
		s->fresh += (size_t)n;
		s->since_exit += s->exited ? (uint64_t)n : 0;
		if (s->exited && s->since_exit >= s->capacity)
			s->proven = true;
		return 1;
	}
	if (s->len == 0)
		rest_window(s);
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
	s->given = together(s, 0, reader->max < s->len ? reader->max : s->len);
	reader->done(reader, 0, s->window + s->start, s->given);
}

static void update_interest(struct outstream *s)
{
	bool wanted = s->tap ? !is_full(s) : !list_is_empty(&s->readers);
	bool waiting = wanted && !s->holder && !s->ended;
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

static void serve_readers(struct outstream *s)
{
	while (!list_is_empty(&s->readers) && !s->holder) {
		struct outstream_reader *reader = list_first(&s->readers, struct outstream_reader, link);
		int r = 0;

		if (s->len == 0 && !s->ended)
			end_if_orphans_only(s);
		if (s->len == 0 && !s->ended)
			r = fill(s, reader->max);
		if (r < 0)
			answer(reader, r);
		else if (s->len > 0)
			give(s, reader);
		else if (s->ended)
			answer(reader, 0);
		else
			break;
	}
}

/* A window that is full bounds how fast a stream can be on a transport with a long way. Without memory it stays. */
static void grow(struct outstream *s)
{
	unsigned *n_large = s->tap->n_large;
	size_t first = together(s, 0, s->len);
	void *larger;

	if (s->n_large || s->ended || !n_large || *n_large >= STREAM_WINDOWS_MAX)
		return;
	if (sys_mmap_anonymous(STREAM_WINDOW_MAX, &larger) < 0)
		return;
	memcpy(larger, s->window + s->start, first);
	memcpy((uint8_t *)larger + first, s->window, s->len - first);
	free(s->window);
	s->window = larger;
	s->size = STREAM_WINDOW_MAX;
	s->start = 0;
	s->n_large = n_large;
	(*n_large)++;
}

static void serve_tap(struct outstream *s)
{
	int r = 0;

	if (s->holder)
		return;
	if (!s->ended)
		end_if_orphans_only(s);
	if (!s->ended && !is_full(s))
		r = fill(s, STREAM_CHUNK_MAX);
	if (is_full(s))
		grow(s);
	if (r < 0)
		s->tap->error = r;
	s->tap->changed(s->tap);
}

static void serve(struct outstream *s)
{
	if (s->tap)
		serve_tap(s);
	if (!s->tap || (s->ended && s->len == 0))
		serve_readers(s);
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
	if (delivered)
		deliver(s, s->given);
	loop_defer(s->loop, &s->serve);
}

void outstream_cancel(struct outstream_reader *reader)
{
	outstream_ack(reader, false);
	list_remove(&reader->link);
	reader->stream = NULL;
}

int outstream_attach(struct outstream *s, struct outstream_tap *tap)
{
	if (s->tap)
		return -EBUSY;
	s->tap = tap;
	tap->stream = s;
	tap->sent = base(s);
	tap->error = 0;
	return 0;
}

void outstream_detach(struct outstream_tap *tap)
{
	struct outstream *s = tap->stream;

	if (!s)
		return;
	tap->stream = NULL;
	s->tap = NULL;
	loop_defer(s->loop, &s->serve);
}

struct outstream_tap *outstream_tap(const struct outstream *s)
{
	return s->tap;
}

int outstream_place(struct outstream_tap *tap, uint64_t offset, uint64_t *ret)
{
	struct outstream *s = tap->stream;

	if (offset > s->counters.in)
		return -ERANGE;
	if (s->holder)
		return -EAGAIN;
	if (offset > base(s))
		deliver(s, offset - base(s));
	tap->sent = base(s);
	loop_defer(s->loop, &s->serve);
	*ret = tap->sent;
	return 0;
}

size_t outstream_peek(const struct outstream_tap *tap, const uint8_t **ret)
{
	const struct outstream *s = tap->stream;
	size_t k;

	if (!s || tap->sent == s->counters.in)
		return 0;
	k = tap->sent - base(s);
	*ret = s->window + (s->start + k) % s->size;
	return together(s, k, s->len - k);
}

void outstream_sent(struct outstream_tap *tap, size_t n)
{
	tap->sent += n;
}

int outstream_confirm(struct outstream_tap *tap, uint64_t offset)
{
	struct outstream *s = tap->stream;

	if (offset > tap->sent)
		return -ERANGE;
	if (!s || offset <= base(s))
		return 0;
	deliver(s, offset - base(s));
	loop_defer(s->loop, &s->serve);
	return 0;
}

bool outstream_is_over(const struct outstream_tap *tap)
{
	return !tap->stream || (tap->stream->ended && tap->stream->len == 0);
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

	if (s->len > 0)
		return false;
	if (s->fd < 0)
		return true;
	return sys_poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) && !(p.revents & POLLIN);
}

void outstream_discard(struct outstream *s)
{
	uint8_t bin[4096];
	ssize_t n = 1;

	s->counters.lost += s->holder ? 0 : s->len;
	for (int i = 0; s->fd >= 0 && n > 0 && i < DISCARD_READS; i++) {
		n = sys_read(s->fd, bin, sizeof(bin));
		if (n > 0) {
			s->counters.in += (uint64_t)n;
			s->counters.lost += (uint64_t)n;
		}
	}
	if (!s->holder)
		drop_window(s);
	if (s->tap)
		s->tap->sent = s->counters.in;
	end(s, true);
	loop_defer(s->loop, &s->serve);
}

struct outstream_counters outstream_counters(const struct outstream *s)
{
	return s->counters;
}
