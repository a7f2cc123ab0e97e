/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/list.h"
#include "lib/sys.h"
#include "lib/ttrpc.h"
#include "proto/pbmem.h"

#define READ_SIZE (64u << 10)

struct client {
	int fd;
	struct ttrpc_cutter cutter;
	struct buf out;
	struct list calls;
	size_t n_calls;
	uint32_t next_stream;
	struct err lost; /* num != 0: the connection is over, and why */
	uint8_t in[READ_SIZE];
};

struct call {
	struct list link;
	uint32_t stream;
	struct client_method m;
	int refused; /* errno of a request that could not be sent, else 0 */
	unsigned timeout_ms;
	int64_t deadline; /* in ms of the monotonic clock, 0 = none */
	client_reply_fn fn;
	void *arg;
};

struct client *client_new(int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c || fd_set_nonblock(fd, true) < 0) {
		free(c);
		(void)fd_close(fd);
		return NULL;
	}
	c->fd = fd;
	c->next_stream = 1;
	list_init(&c->calls);
	return c;
}

int client_open(struct client **ret, const char *address, unsigned timeout_ms, struct err *err)
{
	struct client *c;
	struct addr addr;
	int r;

	r = addr_parse(&addr, address, err);
	if (r < 0)
		return r;
	r = addr_connect(&addr, timeout_ms, err);
	if (r < 0)
		return r;
	c = client_new(r);
	if (!c)
		return err_set(err, ENOMEM, "connect to '%s'", address);
	*ret = c;
	return 0;
}

struct client *client_free(struct client *c)
{
	if (!c)
		return NULL;
	list_foreach(call, &c->calls, struct call, link) {
		list_remove(&call->link);
		free(call);
	}
	ttrpc_cutter_done(&c->cutter);
	buf_done(&c->out);
	(void)fd_hang_up(c->fd);
	free(c);
	return NULL;
}

void client_freep(struct client **c)
{
	*c = client_free(*c);
}

int client_fd(const struct client *c)
{
	return c->fd;
}

bool client_wants_write(const struct client *c)
{
	return c->out.len > 0;
}

size_t client_pending(const struct client *c)
{
	return c->n_calls;
}

void client_reply_done(struct client_reply *reply)
{
	arena_done(&reply->arena);
	*reply = (struct client_reply){ .text = "" };
}

static struct client_reply reply_start(const struct call *call, size_t budget)
{
	struct client_reply reply = { .method = call->m.method->name, .text = "" };

	arena_init(&reply.arena, budget);
	return reply;
}

/* Ends a call: nobody can find it any more when its callback runs. */
static void finish(struct client *c, struct call *call, struct client_reply *reply)
{
	list_remove(&call->link);
	c->n_calls--;
	if (!reply->text)
		reply->text = "";
	call->fn(call->arg, reply);
	free(call);
	client_reply_done(reply);
}

static void finish_here(struct client *c, struct call *call, int code, bool is_lost, const char *text)
{
	struct client_reply reply = reply_start(call, 0);

	reply.code = code;
	reply.is_lost = is_lost;
	reply.is_local = true;
	reply.text = arena_strdup(&reply.arena, text);
	finish(c, call, &reply);
}

/* A call that is answered may send new ones, so the ring is searched anew each time. */
static struct call *find_due(struct client *c, int64_t now)
{
	list_foreach(call, &c->calls, struct call, link) {
		if (c->lost.num != 0 || call->refused != 0 || (call->deadline != 0 && call->deadline <= now))
			return call;
	}
	return NULL;
}

static void finish_due(struct client *c)
{
	int64_t now = sys_now_ms();
	char text[160];

	for (struct call *call = find_due(c, now); call; call = find_due(c, now)) {
		if (call->refused == EMSGSIZE) {
			(void)snprintf(text, sizeof(text), "request is longer than %u bytes", TTRPC_MESSAGE_MAX);
			finish_here(c, call, RPC_RESOURCE_EXHAUSTED, false, text);
		} else if (call->refused != 0) {
			(void)snprintf(text, sizeof(text), "queue request: %s", strerror(call->refused));
			finish_here(c, call, RPC_INTERNAL, false, text);
		} else if (c->lost.num != 0) {
			finish_here(c, call, RPC_UNAVAILABLE, true, err_text(&c->lost));
		} else {
			(void)snprintf(text, sizeof(text), "no answer within %u.%03u s", call->timeout_ms / 1000,
			               call->timeout_ms % 1000);
			finish_here(c, call, RPC_DEADLINE_EXCEEDED, false, text);
		}
	}
}

int client_send(struct client *c, const struct client_method *m, const ProtobufCMessage *request, unsigned timeout_ms,
                client_reply_fn fn, void *arg)
{
	struct call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	*call = (struct call){ .stream = c->next_stream, .m = *m, .timeout_ms = timeout_ms, .fn = fn, .arg = arg };
	if (timeout_ms != 0)
		call->deadline = sys_now_ms() + timeout_ms + CLIENT_GRACE_MS;
	c->next_stream += 2;
	list_append(&c->calls, &call->link);
	c->n_calls++;
	if (c->lost.num != 0)
		return 0;
	r = envelope_request_pack(&c->out, call->stream, m->service->name, m->method->name,
	                          (int64_t)timeout_ms * 1000000, request);
	call->refused = r < 0 ? -r : 0;
	return 0;
}

static struct call *find_stream(struct client *c, uint32_t stream)
{
	list_foreach(call, &c->calls, struct call, link) {
		if (call->stream == stream)
			return call;
	}
	return NULL;
}

static void decode_reply(struct client_reply *reply, const struct call *call, const struct ttrpc_cutter *frame)
{
	struct envelope_response response;
	struct err err = ERR_INIT;
	int r;

	r = envelope_response_unpack(&reply->arena, frame->payload, frame->header.length, &response);
	if (r < 0) {
		reply->code = RPC_INTERNAL;
		reply->is_local = true;
		reply->text = "answer is no ttrpc response";
		return;
	}
	reply->code = response.code;
	reply->text = response.message;
	if (response.code != RPC_OK)
		return;
	r = pb_unpack(call->m.method->output, &reply->arena, response.payload, response.payload_len, &reply->message,
	              &err);
	if (r < 0) {
		reply->code = RPC_INTERNAL;
		reply->is_local = true;
		reply->message = NULL;
		(void)err_wrap(&err, "decode answer");
		/* The budget may be used up, and the text needs room. */
		arena_done(&reply->arena);
		arena_init(&reply->arena, 0);
		reply->text = arena_strdup(&reply->arena, err_text(&err));
	}
}

static void handle_frame(struct client *c)
{
	struct call *call = find_stream(c, c->cutter.header.stream);
	struct client_reply reply;

	/* An answer that came after its call's deadline belongs to nobody. */
	if (!call || c->cutter.header.type != TTRPC_RESPONSE)
		return;
	reply = reply_start(call, (size_t)c->cutter.header.length + PB_BUDGET);
	decode_reply(&reply, call, &c->cutter);
	finish(c, call, &reply);
}

static void handle_too_long(struct client *c)
{
	struct call *call = find_stream(c, c->cutter.header.stream);
	char text[128];

	if (!call)
		return;
	(void)snprintf(text, sizeof(text), "answer of %u bytes is longer than %u", c->cutter.header.length,
	               TTRPC_MESSAGE_MAX);
	finish_here(c, call, RPC_RESOURCE_EXHAUSTED, false, text);
}

static void handle_bytes(struct client *c, const uint8_t *data, size_t n)
{
	size_t used;
	int r;

	while (n > 0 && c->lost.num == 0) {
		r = ttrpc_cutter_feed(&c->cutter, data, n, &used);
		if (r < 0) {
			(void)err_set(&c->lost, -r, "read an answer");
			return;
		}
		data += used;
		n -= used;
		if (r == TTRPC_FRAME)
			handle_frame(c);
		else if (r == TTRPC_TOO_LONG)
			handle_too_long(c);
		else if (r == TTRPC_HOPELESS)
			(void)err_say(&c->lost, EPROTO, "peer sent a frame of %u bytes, this is no ttrpc",
			              c->cutter.header.length);
	}
}

static void do_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->in, sizeof(c->in), MSG_DONTWAIT);

	if (n > 0)
		handle_bytes(c, c->in, (size_t)n);
	else if (n == 0)
		(void)err_say(&c->lost, ECONNRESET, "connection closed by the agent%s",
		              ttrpc_cutter_is_busy(&c->cutter) ? " in the middle of an answer" : "");
	else if (errno != EAGAIN && errno != EINTR)
		(void)err_set(&c->lost, errno, "read from the agent");
}

static void do_write(struct client *c)
{
	ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		buf_consume(&c->out, (size_t)n);
	/* What the agent said before it hung up may still be there to read: the reading side reports the end. */
	else if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
		buf_done(&c->out);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		(void)err_set(&c->lost, errno, "write to the agent");
}

int client_timeout(const struct client *c, int timeout_ms)
{
	int64_t now = sys_now_ms(), left = timeout_ms < 0 ? INT32_MAX : timeout_ms;
	bool bounded = timeout_ms >= 0;

	list_foreach(call, &c->calls, struct call, link) {
		if (call->refused != 0)
			return 0;
		if (call->deadline == 0)
			continue;
		bounded = true;
		if (call->deadline - now < left)
			left = call->deadline > now ? call->deadline - now : 0;
	}
	return bounded ? (int)left : -1;
}

int client_step(struct client *c, struct pollfd *extra, size_t n, int timeout_ms)
{
	struct pollfd fds[1 + CLIENT_EXTRA_MAX] = { { .fd = c->fd, .events = POLLIN } };
	bool is_lost = c->lost.num != 0;
	int r = 0;

	if (n > CLIENT_EXTRA_MAX)
		return -EINVAL;
	if (is_lost) {
		fds[0].fd = -1;
		timeout_ms = c->n_calls > 0 ? 0 : timeout_ms;
	} else if (c->out.len > 0) {
		fds[0].events |= POLLOUT;
	}
	if (n > 0)
		memcpy(&fds[1], extra, n * sizeof(*extra));
	if (!is_lost || n > 0)
		r = poll(fds, 1 + n, client_timeout(c, timeout_ms));
	for (size_t i = 0; i < n; i++)
		extra[i].revents = r > 0 ? fds[1 + i].revents : 0;
	if (r > 0 && (fds[0].revents & POLLOUT))
		do_write(c);
	if (r > 0 && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)))
		do_read(c);
	finish_due(c);
	return c->lost.num != 0 ? -c->lost.num : 0;
}

struct waiting {
	struct client_reply *reply;
	bool is_done;
};

static void keep_reply(void *arg, struct client_reply *reply)
{
	struct waiting *w = arg;

	*w->reply = *reply;
	*reply = (struct client_reply){ .text = "" };
	w->is_done = true;
}

int client_call(struct client *c, const struct client_method *m, const ProtobufCMessage *request, unsigned timeout_ms,
                struct client_reply *ret)
{
	struct waiting w = { .reply = ret };
	int r;

	r = client_send(c, m, request, timeout_ms, keep_reply, &w);
	if (r < 0)
		return r;
	/* The call is answered at the latest when the connection ends, so this ends. */
	while (!w.is_done)
		(void)client_step(c, NULL, 0, -1);
	return 0;
}
