/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/streamconn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/gate.h"
#include "agent/sandbox.h"
#include "lib/fd.h"
#include "lib/kstr.h"
#include "lib/log.h"
#include "lib/sys.h"

#define INPUT_MAX  65536 /* bytes of input that are taken before the process takes them */
#define MARKS_MAX  64    /* marks read at once */
#define LAST_READS 64    /* times that marks are read of somebody who is superseded: more than a socket holds */

enum streamconn_state {
	STREAMCONN_HEADER,    /* the header is coming */
	STREAMCONN_WAITING,   /* attached; another reader still holds a chunk */
	STREAMCONN_STREAMING, /* answered */
	STREAMCONN_CLOSING,   /* an input that is over: the last mark is to be told */
	STREAMCONN_ENDED,     /* freed at the end of the turn */
	STREAMCONN_STATE_MAX,
	STREAMCONN_STATE_INVALID = -EINVAL,
};

#define BIT(state) (1u << STREAMCONN_##state)
static const struct {
	const char *name;
	unsigned next; /* bit mask of allowed next states */
} states[STREAMCONN_STATE_MAX] = {
	[STREAMCONN_HEADER] = { "header", BIT(WAITING) | BIT(STREAMING) | BIT(ENDED) },
	[STREAMCONN_WAITING] = { "waiting", BIT(STREAMING) | BIT(ENDED) },
	[STREAMCONN_STREAMING] = { "streaming", BIT(CLOSING) | BIT(ENDED) },
	[STREAMCONN_CLOSING] = { "closing", BIT(ENDED) },
	[STREAMCONN_ENDED] = { "ended", 0 },
};

struct streamconn {
	struct list link; /* in conns->list */
	struct streamconns *conns;
	struct loop_source source;
	struct loop_timer timer; /* for the header and the answer, and for the last mark */
	struct loop_deferred turn;
	enum streamconn_state state; /* changed by set_state only */
	enum kstr_kind kind;
	uint64_t asked; /* the header's offset */
	unsigned flags; /* the header's */
	uint8_t *head;  /* KSTR_HEADER_MAX bytes, until the header is whole */
	size_t head_len;

	/* output */
	struct outstream_tap out;
	uint8_t mark[KSTR_MARK_SIZE]; /* the beginning of one, or (input) the one that is being told */
	size_t mark_len;              /* output: bytes that came; input: bytes that are still to be sent */

	/* input */
	struct instream_tap in;
	struct instream_writer writer;
	uint8_t *data;       /* what the writer writes, else NULL */
	uint64_t told;       /* the last mark */
	bool is_half_closed; /* the client has written its last byte */
	bool is_hangup_seen; /* it has closed one half at least; there may be bytes left to read */
};

static struct loop *loop_of(const struct streamconn *c)
{
	return c->conns->sandbox->env.loop;
}

static void set_state(struct streamconn *c, enum streamconn_state state)
{
	if (!(states[c->state].next & 1u << state))
		log_error("stream", "Connection cannot go from %s to %s", states[c->state].name, states[state].name);
	else
		c->state = state;
}

static void let_go(struct streamconn *c)
{
	outstream_detach(&c->out);
	/* What the process did not take yet was never acknowledged: the client's next connection brings it again. */
	instream_cancel(&c->writer);
	instream_detach(&c->in);
	free(take_ptr(&c->data));
	free(take_ptr(&c->head));
}

static void end(struct streamconn *c, const char *why)
{
	if (c->state == STREAMCONN_ENDED)
		return;
	log_debug("stream", "Connection for %s ends: %s", kstr_kind_name(c->kind), why);
	set_state(c, STREAMCONN_ENDED);
	let_go(c);
	loop_timer_stop(&c->timer);
	loop_remove(&c->source);
	/* A forked child may hold the socket until its close_range: the client has to see the end now. */
	(void)sys_shutdown(c->source.fd, SHUT_RDWR);
	c->source.fd = fd_close(c->source.fd);
	loop_defer(loop_of(c), &c->turn);
}

static struct streamconn *streamconn_free(struct streamconn *c)
{
	end(c, "port is closed");
	list_remove(&c->turn.link);
	list_remove(&c->link);
	c->conns->n--;
	free(c);
	return NULL;
}

void streamconns_free(struct streamconns *conns)
{
	list_foreach(c, &conns->list, struct streamconn, link)
		(void)streamconn_free(c);
}

/* Bytes that the socket took, 0 = none now, -errno. */
static ssize_t send_some(const struct streamconn *c, const uint8_t *data, size_t n)
{
	bool whole = c->flags & KSTR_WHOLE_PACKETS;
	ssize_t sent = whole ? fd_send_whole(c->source.fd, data, n) : fd_send(c->source.fd, data, n);

	return sent == -EAGAIN ? 0 : sent;
}

/* The answer is the first thing in an empty socket, which has room for it. */
static int answer(struct streamconn *c, enum kstr_status status, uint64_t offset)
{
	uint8_t bytes[KSTR_ANSWER_SIZE];

	kstr_answer_pack(status, offset, bytes);
	return send_some(c, bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : -EPIPE;
}

static void refuse(struct streamconn *c, enum kstr_status status, const char *why)
{
	log_info("stream", "Stream refused with status %d: %s", status, why);
	(void)answer(c, status, 0);
	end(c, "refused");
}

static void on_timer(struct loop_timer *timer)
{
	struct streamconn *c = container_of(timer, struct streamconn, timer);

	if (c->state == STREAMCONN_HEADER)
		refuse(c, KSTR_DEADLINE_EXCEEDED, "no header in time");
	else if (c->state == STREAMCONN_WAITING)
		refuse(c, KSTR_FAILED_PRECONDITION, "another reader holds a chunk");
	else
		end(c, "the client does not read");
}

static void start_streaming(struct streamconn *c, uint64_t offset)
{
	loop_timer_stop(&c->timer);
	if (answer(c, KSTR_OK, offset) < 0) {
		end(c, "the client is gone");
		return;
	}
	c->told = offset;
	set_state(c, STREAMCONN_STREAMING);
	loop_defer(loop_of(c), &c->turn);
}

/* --- output ------------------------------------------------------------------------------------------------------ */

static void output_changed(struct outstream_tap *tap)
{
	struct streamconn *c = container_of(tap, struct streamconn, out);

	loop_defer(loop_of(c), &c->turn);
}

static void place(struct streamconn *c)
{
	uint64_t offset = c->out.sent;
	int r = c->asked > offset ? -ERANGE : 0;

	if (c->out.stream)
		r = outstream_place(&c->out, c->asked, &offset);
	if (r == -ERANGE)
		refuse(c, KSTR_OUT_OF_RANGE, "the stream has not come so far");
	else if (r == 0)
		start_streaming(c, offset);
}

static void pump_output(struct streamconn *c)
{
	const uint8_t *data;
	ssize_t sent = 1;
	size_t n;

	while (sent > 0 && (n = outstream_peek(&c->out, &data)) > 0) {
		sent = send_some(c, data, n);
		if (sent > 0)
			outstream_sent(&c->out, (size_t)sent);
	}
	if (sent < 0)
		end(c, strerror((int)-sent));
	else if (c->out.error < 0)
		end(c, strerror(-c->out.error));
	else if (outstream_is_over(&c->out))
		end(c, "all of it is acknowledged");
	else
		(void)loop_modify(&c->source, EPOLLIN | (sent == 0 ? EPOLLOUT : 0));
}

/* The last of the marks that are whole counts; the beginning of one is kept. */
static int take_marks(struct streamconn *c, const uint8_t *data, size_t n)
{
	uint64_t last = 0;

	for (; n > 0; n--) {
		c->mark[c->mark_len++] = *data++;
		if (c->mark_len < sizeof(c->mark))
			continue;
		c->mark_len = 0;
		if (kstr_mark_parse(c->mark) > last)
			last = kstr_mark_parse(c->mark);
	}
	return outstream_confirm(&c->out, last);
}

/* True if there were any; the connection may have ended. */
static bool read_marks(struct streamconn *c)
{
	uint8_t data[MARKS_MAX * KSTR_MARK_SIZE];
	ssize_t n = sys_read(c->source.fd, data, sizeof(data));

	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (n <= 0)
		end(c, n == 0 ? "the client has closed it" : strerror((int)-n));
	else if (take_marks(c, data, (size_t)n) < 0)
		end(c, "the client acknowledges what it never got");
	else
		loop_defer(loop_of(c), &c->turn);
	return n > 0;
}

/* --- input ------------------------------------------------------------------------------------------------------- */

static void input_changed(struct instream_tap *tap)
{
	struct streamconn *c = container_of(tap, struct streamconn, in);

	loop_defer(loop_of(c), &c->turn);
}

static uint64_t written(const struct streamconn *c)
{
	return c->in.stream ? instream_written(c->in.stream) : c->in.written;
}

/* Tells how far the input has come, once again if `anyway`. 0 = told, 1 = the socket is full, -errno. */
static int tell_mark(struct streamconn *c, bool anyway)
{
	while (c->mark_len > 0 || c->told != written(c) || anyway) {
		ssize_t n;

		if (c->mark_len == 0) {
			anyway = false;
			c->told = written(c);
			kstr_mark_pack(c->told, c->mark);
			c->mark_len = sizeof(c->mark);
		}
		n = send_some(c, c->mark + sizeof(c->mark) - c->mark_len, c->mark_len);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return 1;
		c->mark_len -= (size_t)n;
	}
	return 0;
}

static void finish_input(struct streamconn *c)
{
	if (c->state != STREAMCONN_STREAMING)
		return;
	set_state(c, STREAMCONN_CLOSING);
	if (loop_timer_start(loop_of(c), &c->timer, KSTR_HEADER_MS) < 0)
		end(c, "no timer");
	else
		loop_defer(loop_of(c), &c->turn);
}

static void input_written(struct instream_writer *writer, int r)
{
	struct streamconn *c = container_of(writer, struct streamconn, writer);

	free(take_ptr(&c->data));
	if (r < 0)
		finish_input(c);
	loop_defer(loop_of(c), &c->turn);
}

/* The client has written its last byte, or it is gone: only writing to it tells the two apart on every transport. */
static void end_of_input(struct streamconn *c)
{
	if (tell_mark(c, true) < 0) {
		end(c, "the client is gone");
		return;
	}
	c->is_half_closed = true;
	if (c->in.stream)
		(void)instream_close(c->in.stream);
}

static void take_input(struct streamconn *c)
{
	uint8_t *data = malloc(INPUT_MAX);
	ssize_t n = data ? sys_read(c->source.fd, data, INPUT_MAX) : -ENOMEM;
	int r = 0;

	if (n > 0) {
		c->writer.data = c->data = data;
		c->writer.len = (size_t)n;
		r = c->in.stream ? instream_write(c->in.stream, &c->writer) : -EPIPE;
		if (r < 0) {
			free(take_ptr(&c->data));
			finish_input(c);
		}
		return;
	}
	free(data);
	if (n == 0)
		end_of_input(c);
	else if (n != -EAGAIN && n != -EINTR)
		end(c, strerror((int)-n));
}

static void pump_input(struct streamconn *c)
{
	uint32_t events = 0;
	int r;

	if (!c->in.stream)
		finish_input(c);
	r = tell_mark(c, false);
	if (r == 0 && c->state == STREAMCONN_CLOSING)
		r = -ESHUTDOWN;
	if (r < 0) {
		end(c, r == -ESHUTDOWN ? "the input is over" : strerror(-r));
		return;
	}
	if (c->state == STREAMCONN_STREAMING && !c->is_half_closed)
		events = !c->data ? EPOLLIN : c->is_hangup_seen ? 0 : EPOLLRDHUP;
	(void)loop_modify(&c->source, events | (r == 1 ? EPOLLOUT : 0));
}

/* While the process is slow, a hangup is all that is listened for. */
static void input_ready(struct streamconn *c, uint32_t events)
{
	if (c->state == STREAMCONN_STREAMING && !c->is_half_closed && !c->data)
		take_input(c);
	else if (events & (EPOLLHUP | EPOLLERR) || (events & EPOLLRDHUP && tell_mark(c, true) < 0))
		end(c, "the client is gone");
	else if (events & EPOLLRDHUP)
		c->is_hangup_seen = true;
	loop_defer(loop_of(c), &c->turn);
}

/* --- header ------------------------------------------------------------------------------------------------------ */

/* Somebody who is attached and dead may not have been noticed yet. */
static bool is_gone(struct streamconn *c)
{
	struct pollfd p = { .fd = c->source.fd, .events = POLLRDHUP };

	if (sys_poll(&p, 1, 0) <= 0)
		return false;
	if (c->kind != KSTR_STDIN || (p.revents & (POLLHUP | POLLERR)))
		return true;
	return tell_mark(c, true) < 0;
}

/* What it has acknowledged is not sent again, whether we have looked already or not. */
static void take_last_marks(struct streamconn *old)
{
	for (int i = 0; i < LAST_READS && old->kind != KSTR_STDIN && old->state == STREAMCONN_STREAMING; i++)
		if (!read_marks(old))
			break;
}

/* False if somebody else is attached, lives, and is not to be let go. */
static bool supersede(struct streamconn *c, struct streamconn *old)
{
	if (!(c->flags & KSTR_TAKE_OVER) && !is_gone(old))
		return false;
	take_last_marks(old);
	end(old, "another client has come");
	return true;
}

static int attach_input(struct streamconn *c, struct process *p)
{
	struct instream_tap *old;
	int r = -EPIPE;

	if (p->in) {
		old = instream_tap(p->in);
		if (old && (old->is_fixed || !supersede(c, container_of(old, struct streamconn, in))))
			return -EBUSY;
		r = instream_attach(p->in, &c->in);
		c->in.written = instream_written(p->in);
	} else {
		c->in.written = p->in_written;
	}
	return r == -EPIPE ? 0 : r;
}

static int attach_output(struct streamconn *c, struct outstream *s, const struct outstream_counters *counters)
{
	struct outstream_tap *old = s ? outstream_tap(s) : NULL;

	if (old && (old->is_fixed || !supersede(c, container_of(old, struct streamconn, out))))
		return -EBUSY;
	if (s)
		return outstream_attach(s, &c->out);
	c->out.sent = counters->in;
	return 0;
}

static int attach(struct streamconn *c, struct process *p)
{
	struct outstream_counters none = { .in = 0 };

	switch (c->kind) {
	case KSTR_STDIN:
		return attach_input(c, p);
	case KSTR_STDOUT:
		return attach_output(c, p->out, &p->out_counters);
	case KSTR_STDERR:
		/* A terminal has one output. */
		return p->has_terminal ? attach_output(c, NULL, &none) : attach_output(c, p->err, &p->err_counters);
	case KSTR_KIND_MAX:
		break;
	}
	return -EINVAL;
}

static void find_stream(struct streamconn *c, const struct kstr_header *header)
{
	struct container *container = sandbox_find(c->conns->sandbox, header->cid);
	struct process *p = container ? container_find_process(container, header->eid) : NULL;
	struct err err = ERR_INIT;
	int r;

	c->kind = header->kind;
	c->asked = header->offset;
	c->flags = header->flags;
	/* The codes of ReadStdout and its like. */
	if (!container)
		refuse(c, KSTR_INVALID_ARGUMENT, "unknown container");
	else if (!p)
		refuse(c, KSTR_NOT_FOUND, "unknown process");
	else if (gate_denies_stream(c->conns->sandbox->gate, c->kind, header->cid, header->eid, &err))
		refuse(c, KSTR_PERMISSION_DENIED, err_text(&err));
	else if (p->state == PROCESS_BUILDING)
		refuse(c, KSTR_UNAVAILABLE, "the process is still being made");
	else if ((r = attach(c, p)) < 0)
		refuse(c, KSTR_FAILED_PRECONDITION, r == -EBUSY ? "another connection is attached" : strerror(-r));
	else if (c->kind != KSTR_STDIN)
		set_state(c, STREAMCONN_WAITING);
	else if (c->asked > c->in.written)
		refuse(c, KSTR_OUT_OF_RANGE, "the input has not come so far");
	else
		start_streaming(c, c->in.written);
	loop_defer(loop_of(c), &c->turn);
}

static void read_header(struct streamconn *c)
{
	ssize_t n = sys_read(c->source.fd, c->head + c->head_len, KSTR_HEADER_MAX - c->head_len);
	struct kstr_header *header;
	int r;

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0) {
		end(c, n == 0 ? "closed within the header" : strerror((int)-n));
		return;
	}
	header = malloc(sizeof(*header));
	c->head_len += (size_t)n;
	r = header ? kstr_header_parse(c->head, c->head_len, header) : -ENOMEM;
	/* A client cannot know before the answer which byte is the next. */
	if (r < 0 || (r > 0 && (size_t)r != c->head_len)) {
		refuse(c, KSTR_INVALID_ARGUMENT, "no valid header");
	} else if (r > 0) {
		free(take_ptr(&c->head));
		find_stream(c, header);
	}
	free(header);
}

/* --- the connection ---------------------------------------------------------------------------------------------- */

static int on_event(struct loop_source *source, uint32_t events)
{
	struct streamconn *c = container_of(source, struct streamconn, source);

	if (c->state == STREAMCONN_HEADER)
		read_header(c);
	else if (c->state == STREAMCONN_WAITING)
		end(c, "not a word was expected");
	else if (c->kind == KSTR_STDIN)
		input_ready(c, events);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		(void)read_marks(c);
	else
		loop_defer(loop_of(c), &c->turn);
	return LOOP_KEEP;
}

static void on_turn(struct loop_deferred *deferred)
{
	struct streamconn *c = container_of(deferred, struct streamconn, turn);

	if (c->state == STREAMCONN_WAITING)
		place(c);
	if (c->state == STREAMCONN_ENDED)
		(void)streamconn_free(c);
	else if (c->state == STREAMCONN_STREAMING && c->kind != KSTR_STDIN)
		pump_output(c);
	else if (c->state >= STREAMCONN_STREAMING)
		pump_input(c);
}

int streamconn_new(struct streamconns *conns, int fd)
{
	struct streamconn *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->conns = conns;
	c->kind = KSTR_KIND_MAX;
	c->source = (struct loop_source){ .name = "stream", .fd = fd, .events = EPOLLIN, .callback = on_event };
	c->timer.expired = on_timer;
	c->turn.run = on_turn;
	c->out.changed = output_changed;
	c->out.n_large = &conns->sandbox->n_large_windows;
	c->in.changed = input_changed;
	c->writer.done = input_written;
	list_init(&c->turn.link);
	list_init(&c->writer.link);
	c->head = malloc(KSTR_HEADER_MAX);
	r = c->head ? loop_timer_start(loop_of(c), &c->timer, KSTR_HEADER_MS) : -ENOMEM;
	if (r >= 0)
		r = loop_add(loop_of(c), &c->source);
	if (r < 0) {
		loop_timer_stop(&c->timer);
		free(c->head);
		free(c);
		return r;
	}
	list_append(&conns->list, &c->link);
	conns->n++;
	return 0;
}
