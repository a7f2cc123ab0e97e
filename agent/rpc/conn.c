/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/rpc/call.h"
#include "agent/rpc/dispatch.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"
#include "proto/ttrpc.pb-c.h"

void rpc_conn_end(struct rpc_conn *conn, const char *why)
{
	if (conn->ended)
		return;
	conn->ended = true;
	log_debug("rpc", "Connection ends: %s", why);
	loop_timer_stop(&conn->frame_timer);
	loop_remove(&conn->source);
	/* A forked child may hold the socket until its close_range: the client has to see the end now. */
	(void)sys_shutdown(conn->source.fd, SHUT_RDWR);
	conn->source.fd = fd_close(conn->source.fd);
	loop_defer(conn->server->loop, &conn->end_of_turn);
}

struct rpc_conn *rpc_conn_free(struct rpc_conn *conn)
{
	if (!conn)
		return NULL;
	rpc_conn_end(conn, "server stops");
	while (!list_is_empty(&conn->calls))
		rpc_call_disconnect(list_first(&conn->calls, struct rpc_call, link));
	while (!list_is_empty(&conn->unwritten))
		rpc_call_written(list_first(&conn->unwritten, struct rpc_call, link), false);
	list_remove(&conn->end_of_turn.link);
	list_remove(&conn->link);
	conn->server->n_conns--;
	ttrpc_cutter_done(&conn->cutter);
	buf_done(&conn->out);
	free(conn);
	return NULL;
}

static void frame_expired(struct loop_timer *timer)
{
	rpc_conn_end(container_of(timer, struct rpc_conn, frame_timer), "a frame stays incomplete");
}

/* --- output ------------------------------------------------------------------------------------------------------ */

static void tell_written(struct rpc_conn *conn)
{
	while (!list_is_empty(&conn->unwritten)) {
		struct rpc_call *call = list_first(&conn->unwritten, struct rpc_call, link);

		if (call->reply_end > conn->written)
			break;
		rpc_call_written(call, true);
	}
}

static int write_out(struct rpc_conn *conn)
{
	while (conn->out.len > 0) {
		ssize_t n = fd_send(conn->source.fd, conn->out.data, conn->out.len);

		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		buf_consume(&conn->out, (size_t)n);
		conn->written += (uint64_t)n;
		conn->last_byte = sys_now_ms();
	}
	return 0;
}

static bool may_read(const struct rpc_conn *conn)
{
	return !conn->closing && conn->out.len < RPC_QUEUE_HIGH;
}

/* The timer runs while the client owes us the rest of a frame and we are willing to take it. */
static int watch_frame(struct rpc_conn *conn)
{
	bool want = conn->closing || (may_read(conn) && ttrpc_cutter_is_busy(&conn->cutter));

	if (!want)
		loop_timer_stop(&conn->frame_timer);
	else if (!conn->frame_timer.source.loop)
		return loop_timer_start(conn->server->loop, &conn->frame_timer, RPC_FRAME_TIMEOUT_MS);
	return 0;
}

static void flush(struct rpc_conn *conn)
{
	int r = write_out(conn);

	tell_written(conn);
	if (conn->ended)
		return;
	if (r == 0 && conn->closing && conn->out.len == 0)
		r = -ESHUTDOWN;
	if (r == 0)
		r = loop_modify(&conn->source, (may_read(conn) ? EPOLLIN : 0u) | (conn->out.len > 0 ? EPOLLOUT : 0u));
	if (r == 0)
		r = watch_frame(conn);
	if (r < 0)
		rpc_conn_end(conn, strerror(-r));
}

static void end_turn(struct loop_deferred *deferred)
{
	struct rpc_conn *conn = container_of(deferred, struct rpc_conn, end_of_turn);

	if (!conn->ended)
		flush(conn);
	if (conn->ended)
		rpc_conn_free(conn);
}

/* envelope.h packs messages; a job's reply is bytes already. */
static int pack_bytes(struct buf *out, uint32_t stream, const ProtobufCBinaryData *payload)
{
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	uint8_t head[TTRPC_HEADER_SIZE];
	size_t len;
	int r;

	response.status = &status;
	response.payload = *payload;
	len = ttrpc__response__get_packed_size(&response);
	if (len > TTRPC_MESSAGE_MAX)
		return -EMSGSIZE;
	r = buf_reserve(out, sizeof(head) + len);
	if (r < 0)
		return r;
	ttrpc_header_pack(head, (uint32_t)len, stream, TTRPC_RESPONSE, 0);
	(void)buf_add(out, head, sizeof(head));
	(void)ttrpc__response__pack(&response, out->data + out->len);
	buf_commit(out, len);
	return 0;
}

/* The client is told why it gets no reply, if there is room for that at least. */
static uint64_t refuse_reply(struct rpc_conn *conn, uint32_t stream, int r)
{
	const char *why = r == -ENOMEM     ? "out of memory for the reply"
	                  : may_read(conn) ? "the reply is too long"
	                                   : "too many replies wait to be read";

	log_warning("rpc", "Reply dropped: %s", why);
	if (envelope_response_pack(&conn->out, stream, RPC_RESOURCE_EXHAUSTED, why, NULL) < 0)
		rpc_conn_end(conn, "no room for replies");
	else
		loop_defer(conn->server->loop, &conn->end_of_turn);
	return 0;
}

uint64_t rpc_conn_reply(struct rpc_conn *conn, uint32_t stream, int code, const char *text,
                        const ProtobufCMessage *message, const ProtobufCBinaryData *packed)
{
	int r;

	if (conn->ended)
		return 0;
	if (packed)
		r = pack_bytes(&conn->out, stream, packed);
	else
		r = envelope_response_pack(&conn->out, stream, code, text, message);
	if (r < 0)
		return refuse_reply(conn, stream, r);
	loop_defer(conn->server->loop, &conn->end_of_turn);
	return conn->written + conn->out.len;
}

/* --- input ------------------------------------------------------------------------------------------------------- */

static bool is_open(struct rpc_conn *conn, uint32_t stream)
{
	list_foreach(call, &conn->calls, struct rpc_call, link)
		if (call->stream == stream)
			return true;
	return false;
}

static void refuse(struct rpc_conn *conn, uint32_t stream, int code, const char *text)
{
	log_warning("rpc", "Request refused: %s", text);
	(void)rpc_conn_reply(conn, stream, code, text, NULL, NULL);
}

static void take_frame(struct rpc_conn *conn)
{
	const struct ttrpc_header *header = &conn->cutter.header;

	if (header->type != TTRPC_REQUEST)
		conn->server->counters.ignored_frames++;
	else if (header->stream % 2 == 0)
		refuse(conn, header->stream, RPC_INVALID_ARGUMENT, "stream id must be odd");
	else if (is_open(conn, header->stream))
		refuse(conn, header->stream, RPC_INVALID_ARGUMENT, "stream id is in use");
	else if (conn->n_calls >= RPC_CALLS_MAX)
		refuse(conn, header->stream, RPC_RESOURCE_EXHAUSTED, "too many open calls");
	else
		rpc_dispatch(conn, header->stream, conn->cutter.payload, header->length);
}

static void refuse_length(struct rpc_conn *conn)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "message length %u exceed maximum message size of %u",
	               conn->cutter.header.length, TTRPC_MESSAGE_MAX);
	refuse(conn, conn->cutter.header.stream, RPC_INVALID_ARGUMENT, text);
}

static void take_event(struct rpc_conn *conn, int event)
{
	switch (event) {
	case TTRPC_FRAME:
		/* The next frame has a time of its own. */
		loop_timer_stop(&conn->frame_timer);
		take_frame(conn);
		break;
	case TTRPC_TOO_LONG:
		refuse_length(conn);
		break;
	case TTRPC_HOPELESS:
		refuse_length(conn);
		conn->closing = true;
		break;
	default: /* -ENOMEM: the cutter skips the payload */
		refuse(conn, conn->cutter.header.stream, RPC_RESOURCE_EXHAUSTED, "out of memory for the request");
		break;
	}
}

static void take_bytes(struct rpc_conn *conn, const uint8_t *data, size_t n)
{
	while (n > 0 && !conn->ended && !conn->closing) {
		size_t used = 0;
		int event = ttrpc_cutter_feed(&conn->cutter, data, n, &used);

		data += used;
		n -= used;
		if (event != TTRPC_NEED_MORE)
			take_event(conn, event);
	}
	loop_defer(conn->server->loop, &conn->end_of_turn);
}

static void read_in(struct rpc_conn *conn)
{
	ssize_t n = sys_read(conn->source.fd, conn->server->input, RPC_READ_MAX);

	if (n > 0)
		conn->last_byte = sys_now_ms();
	if (n > 0)
		take_bytes(conn, conn->server->input, (size_t)n);
	else if (n == 0)
		rpc_conn_end(conn, "the client has closed it");
	else if (n != -EAGAIN && n != -EINTR)
		rpc_conn_end(conn, strerror((int)-n));
}

static int ready(struct loop_source *source, uint32_t events)
{
	struct rpc_conn *conn = container_of(source, struct rpc_conn, source);

	if (events & EPOLLOUT)
		loop_defer(conn->server->loop, &conn->end_of_turn);
	if (may_read(conn))
		read_in(conn);
	else if (events & (EPOLLERR | EPOLLHUP))
		rpc_conn_end(conn, "the client is gone");
	return LOOP_KEEP;
}

int rpc_conn_new(struct rpc_server *server, int fd)
{
	struct rpc_conn *conn = calloc(1, sizeof(*conn));
	int r;

	if (!conn)
		return -ENOMEM;
	conn->server = server;
	conn->source = (struct loop_source){ .name = "connection", .fd = fd, .events = EPOLLIN, .callback = ready };
	conn->frame_timer.expired = frame_expired;
	conn->end_of_turn.run = end_turn;
	conn->out.max = RPC_QUEUE_MAX;
	conn->last_byte = sys_now_ms();
	list_init(&conn->end_of_turn.link);
	list_init(&conn->calls);
	list_init(&conn->unwritten);
	r = loop_add(server->loop, &conn->source);
	if (r < 0) {
		free(conn);
		return r;
	}
	list_append(&server->conns, &conn->link);
	server->n_conns++;
	return 0;
}
