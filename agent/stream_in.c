/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <termios.h>

#include "agent/stream.h"
#include "lib/fd.h"
#include "lib/sys.h"

struct instream {
	struct loop *loop;
	struct loop_source source;
	struct loop_deferred push;
	int fd;
	bool is_tty, closing;
	struct list writers;
	struct instream_tap *tap;
	uint64_t written;
};

static void push(struct instream *s);

static int on_event(struct loop_source *source, uint32_t events)
{
	(void)events;
	push(container_of(source, struct instream, source));
	return LOOP_KEEP;
}

static void on_push(struct loop_deferred *deferred)
{
	push(container_of(deferred, struct instream, push));
}

int instream_new(struct loop *loop, int fd, bool is_tty, struct instream **ret)
{
	struct instream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->is_tty = is_tty;
	s->source = (struct loop_source){ .name = "stdin", .fd = fd, .callback = on_event };
	s->push.run = on_push;
	list_init(&s->push.link);
	list_init(&s->writers);
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

static void answer(struct instream_writer *writer, int r)
{
	list_remove(&writer->link);
	writer->stream = NULL;
	writer->done(writer, r);
}

static void close_fd(struct instream *s)
{
	struct instream_tap *tap = s->tap;

	loop_remove(&s->source);
	s->fd = fd_close(s->fd);
	if (!tap)
		return;
	s->tap = NULL;
	tap->stream = NULL;
	tap->written = s->written;
	tap->changed(tap);
}

static void fail_all(struct instream *s, int r)
{
	list_foreach(writer, &s->writers, struct instream_writer, link)
		answer(writer, r);
}

struct instream *instream_free(struct instream *s)
{
	if (!s)
		return NULL;
	fail_all(s, -EPIPE);
	list_remove(&s->push.link);
	close_fd(s);
	free(s);
	return NULL;
}

/* What a user at the terminal would type; a terminal that is not in canonical mode gets the byte as it is. */
static void type_eof(struct instream *s)
{
	struct termios tio;
	cc_t eof = 4;

	if (sys_ioctl(s->fd, TCGETS, &tio) == 0 && tio.c_cc[VEOF] != _POSIX_VDISABLE)
		eof = tio.c_cc[VEOF];
	(void)sys_write(s->fd, &eof, 1);
}

static void finish_closing(struct instream *s)
{
	if (s->is_tty)
		type_eof(s);
	close_fd(s);
}

/* Writes one writer's bytes; 1 = all of them, 0 = the pipe is full, -errno. */
static int push_one(struct instream *s, struct instream_writer *writer)
{
	while (writer->offset < writer->len) {
		ssize_t n = sys_write(s->fd, writer->data + writer->offset, writer->len - writer->offset);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return n == -EIO && s->is_tty ? -EPIPE : (int)n;
		writer->offset += (size_t)n;
		s->written += (uint64_t)n;
	}
	return 1;
}

static void push(struct instream *s)
{
	int r = 1;

	while (!list_is_empty(&s->writers) && s->fd >= 0) {
		struct instream_writer *writer = list_first(&s->writers, struct instream_writer, link);

		r = push_one(s, writer);
		if (r == 0)
			break;
		answer(writer, r < 0 ? r : 0);
	}
	if (s->fd < 0)
		return;
	if (s->closing && list_is_empty(&s->writers))
		finish_closing(s);
	else
		(void)loop_modify(&s->source, list_is_empty(&s->writers) ? 0 : EPOLLOUT);
}

int instream_write(struct instream *s, struct instream_writer *writer)
{
	if (s->closing || s->fd < 0)
		return -EPIPE;
	writer->stream = s;
	writer->offset = 0;
	list_append(&s->writers, &writer->link);
	loop_defer(s->loop, &s->push);
	return 0;
}

void instream_cancel(struct instream_writer *writer)
{
	struct instream *s = writer->stream;

	list_remove(&writer->link);
	writer->stream = NULL;
	if (s)
		loop_defer(s->loop, &s->push);
}

int instream_close(struct instream *s)
{
	if (s->closing)
		return 0;
	s->closing = true;
	loop_defer(s->loop, &s->push);
	return 0;
}

uint64_t instream_written(const struct instream *s)
{
	return s->written;
}

int instream_attach(struct instream *s, struct instream_tap *tap)
{
	if (s->closing || s->fd < 0)
		return -EPIPE;
	if (s->tap)
		return -EBUSY;
	s->tap = tap;
	tap->stream = s;
	return 0;
}

void instream_detach(struct instream_tap *tap)
{
	if (!tap->stream)
		return;
	tap->stream->tap = NULL;
	tap->stream = NULL;
}

struct instream_tap *instream_tap(const struct instream *s)
{
	return s->tap;
}
