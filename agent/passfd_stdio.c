/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/passfd_stdio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/process.h"
#include "agent/sandbox.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"

#define INPUT_MAX 65536 /* bytes that are taken from the host before the process takes them */
#define NOISE_MAX 4096  /* bytes of an output's host that are thrown away at once */

struct copier {
	struct passfd_stdio *owner;
	struct passfd_stream *stream; /* NULL: there is none, or it is over */
	enum kstr_kind kind;
	struct loop_source source;
	struct loop_deferred turn;

	/* output */
	struct outstream_tap out;
	bool is_deaf; /* the host sends nothing more, as it should */

	/* input */
	struct instream_tap in;
	struct instream_writer writer;
	uint8_t *data; /* what the writer writes, else NULL */
};

struct passfd_stdio {
	struct process *p;
	struct copier copiers[KSTR_KIND_MAX];
	bool given[KSTR_KIND_MAX]; /* the host has named one of this kind */
	bool holds_exit;
	uint64_t moved, seen; /* bytes of output that hosts took: now, and when it was last looked at */
	struct loop_timer stall;
};

static struct loop *loop_of(const struct copier *c)
{
	return c->owner->p->container->sandbox->env.loop;
}

static bool is_delivered(const struct passfd_stdio *s)
{
	return !s->copiers[KSTR_STDOUT].stream && !s->copiers[KSTR_STDERR].stream;
}

static void release_exit(struct passfd_stdio *s)
{
	loop_timer_stop(&s->stall);
	if (!s->holds_exit)
		return;
	s->holds_exit = false;
	loop_defer(s->p->container->sandbox->env.loop, &s->p->tell);
}

static void end(struct copier *c, const char *why)
{
	if (!c->stream)
		return;
	log_debug("passfd", "%s of '%s' (port %u) ends: %s", kstr_kind_name(c->kind), c->owner->p->id, c->stream->port,
	          why);
	loop_remove(&c->source);
	outstream_detach(&c->out);
	instream_cancel(&c->writer);
	instream_detach(&c->in);
	free(take_ptr(&c->data));
	list_remove(&c->turn.link);
	c->stream = passfd_stream_free(c->stream);
	if (is_delivered(c->owner))
		release_exit(c->owner);
}

/* --- output ------------------------------------------------------------------------------------------------------ */

static void output_changed(struct outstream_tap *tap)
{
	struct copier *c = container_of(tap, struct copier, out);

	loop_defer(loop_of(c), &c->turn);
}

static void pump_output(struct copier *c)
{
	const uint8_t *data;
	ssize_t sent = 1;
	size_t n;

	while (sent > 0 && (n = outstream_peek(&c->out, &data)) > 0) {
		sent = fd_send(c->source.fd, data, n);
		if (sent <= 0)
			break;
		outstream_sent(&c->out, (size_t)sent);
		(void)outstream_confirm(&c->out, c->out.sent);
		c->owner->moved += (uint64_t)sent;
	}
	if (sent < 0 && sent != -EAGAIN)
		end(c, strerror((int)-sent));
	else if (c->out.error < 0)
		end(c, strerror(-c->out.error));
	else if (outstream_is_over(&c->out))
		end(c, "all of it is delivered");
	else
		(void)loop_modify(&c->source, (c->is_deaf ? 0 : EPOLLIN) | (sent < 0 ? EPOLLOUT : 0));
}

/* Half a connection that was closed is no news: it is by sending that a host that is gone is told from a silent one. */
static void ignore_noise(struct copier *c)
{
	uint8_t bin[NOISE_MAX];
	ssize_t n = sys_read(c->source.fd, bin, sizeof(bin));

	if (n == 0)
		c->is_deaf = true;
	else if (n < 0 && n != -EAGAIN && n != -EINTR)
		end(c, strerror((int)-n));
}

static void output_ready(struct copier *c, uint32_t events)
{
	if (events & (EPOLLHUP | EPOLLERR))
		end(c, "the host is gone");
	else if (events & EPOLLIN)
		ignore_noise(c);
	if (c->stream)
		loop_defer(loop_of(c), &c->turn);
}

/* --- input ------------------------------------------------------------------------------------------------------- */

static void input_changed(struct instream_tap *tap)
{
	struct copier *c = container_of(tap, struct copier, in);

	loop_defer(loop_of(c), &c->turn);
}

static void input_written(struct instream_writer *writer, int r)
{
	struct copier *c = container_of(writer, struct copier, writer);

	free(take_ptr(&c->data));
	if (r < 0)
		end(c, "nobody reads it");
	else
		loop_defer(loop_of(c), &c->turn);
}

static void end_of_input(struct copier *c, const char *why)
{
	struct instream *in = c->in.stream;

	end(c, why);
	if (in && !c->owner->p->has_terminal)
		(void)instream_close(in);
}

static void take_input(struct copier *c)
{
	uint8_t *data = malloc(INPUT_MAX);
	ssize_t n = data ? sys_read(c->source.fd, data, INPUT_MAX) : -ENOMEM;
	int r = 0;

	if (n > 0) {
		c->writer.data = c->data = data;
		c->writer.len = (size_t)n;
		r = c->in.stream ? instream_write(c->in.stream, &c->writer) : -EPIPE;
		if (r < 0)
			end(c, strerror(-r));
		return;
	}
	free(data);
	if (n != -EAGAIN && n != -EINTR)
		end_of_input(c, n == 0 ? "the host has closed it" : strerror((int)-n));
}

static void pump_input(struct copier *c)
{
	if (!c->in.stream)
		end(c, "the input is over");
	else
		(void)loop_modify(&c->source, c->data ? 0 : EPOLLIN);
}

/* --- one stream -------------------------------------------------------------------------------------------------- */

static int on_event(struct loop_source *source, uint32_t events)
{
	struct copier *c = container_of(source, struct copier, source);

	if (c->kind != KSTR_STDIN) {
		output_ready(c, events);
		return LOOP_KEEP;
	}
	if (!c->data)
		take_input(c);
	if (c->stream)
		loop_defer(loop_of(c), &c->turn);
	return LOOP_KEEP;
}

static void on_turn(struct loop_deferred *deferred)
{
	struct copier *c = container_of(deferred, struct copier, turn);

	if (c->kind == KSTR_STDIN)
		pump_input(c);
	else
		pump_output(c);
}

static void init_copier(struct passfd_stdio *s, enum kstr_kind kind, struct passfd_stream *stream)
{
	struct copier *c = &s->copiers[kind];

	c->owner = s;
	c->kind = kind;
	c->stream = stream;
	s->given[kind] = stream != NULL;
	c->source = (struct loop_source){ .name = "passfd stream", .fd = -EBADF, .callback = on_event };
	c->turn.run = on_turn;
	c->out.changed = output_changed;
	c->out.is_fixed = true;
	c->out.n_large = &s->p->container->sandbox->n_large_windows;
	c->in.changed = input_changed;
	c->in.is_fixed = true;
	c->writer.done = input_written;
	list_init(&c->turn.link);
	list_init(&c->writer.link);
}

static int attach_output(struct copier *c, struct outstream *out)
{
	uint64_t offset;
	int r;

	/* A terminal has one output. */
	if (!out) {
		end(c, "there is no such stream");
		return 0;
	}
	r = outstream_attach(out, &c->out);
	return r < 0 ? r : outstream_place(&c->out, 0, &offset);
}

static int start(struct copier *c)
{
	struct process *p = c->owner->p;
	int r;

	if (!c->stream)
		return 0;
	if (c->kind == KSTR_STDIN)
		r = instream_attach(p->in, &c->in);
	else
		r = attach_output(c, c->kind == KSTR_STDOUT ? p->out : p->err);
	if (r < 0 || !c->stream)
		return r;
	c->source.fd = c->stream->fd;
	r = loop_add(loop_of(c), &c->source);
	if (r >= 0)
		loop_defer(loop_of(c), &c->turn);
	return r;
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

static void on_stall(struct loop_timer *timer)
{
	struct passfd_stdio *s = container_of(timer, struct passfd_stdio, stall);

	if (s->moved != s->seen) {
		s->seen = s->moved;
		if (loop_timer_start(s->p->container->sandbox->env.loop, timer, PASSFD_STALL_MS) == 0)
			return;
	}
	log_warning("passfd", "The host takes no output of '%s' of '%s': its exit is told nevertheless", s->p->id,
	            s->p->container->id);
	release_exit(s);
}

int passfd_stdio_new(struct process *p, struct passfd_streams *streams, struct passfd_stdio **ret)
{
	struct passfd_stdio *s;
	bool any = false;

	for (int i = 0; i < KSTR_KIND_MAX; i++)
		any |= streams->v[i] != NULL;
	if (!any) {
		*ret = NULL;
		return 0;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->p = p;
	s->stall.expired = on_stall;
	for (int i = 0; i < KSTR_KIND_MAX; i++)
		init_copier(s, (enum kstr_kind)i, take_ptr(&streams->v[i]));
	*ret = s;
	return 0;
}

struct passfd_stdio *passfd_stdio_free(struct passfd_stdio *s)
{
	if (!s)
		return NULL;
	s->holds_exit = false;
	for (int i = 0; i < KSTR_KIND_MAX; i++) {
		end(&s->copiers[i], "the process is forgotten");
		list_remove(&s->copiers[i].turn.link);
	}
	loop_timer_stop(&s->stall);
	free(s);
	return NULL;
}

struct passfd_stdio *passfd_stdio_settle(struct passfd_stdio *s)
{
	return s && is_delivered(s) && !s->copiers[KSTR_STDIN].stream ? passfd_stdio_free(s) : s;
}

bool passfd_stdio_lacks(const struct passfd_stdio *s, enum kstr_kind kind)
{
	return s && !s->given[kind];
}

int passfd_stdio_start(struct passfd_stdio *s)
{
	int r = 0;

	for (int i = 0; s && i < KSTR_KIND_MAX && r >= 0; i++)
		r = start(&s->copiers[i]);
	return r;
}

bool passfd_stdio_process_exited(struct passfd_stdio *s)
{
	if (!s || is_delivered(s))
		return false;
	s->seen = s->moved;
	/* Without a clock nothing would bound the waiting. */
	s->holds_exit = loop_timer_start(s->p->container->sandbox->env.loop, &s->stall, PASSFD_STALL_MS) == 0;
	return s->holds_exit;
}

bool passfd_stdio_holds_exit(const struct passfd_stdio *s)
{
	return s && s->holds_exit;
}
