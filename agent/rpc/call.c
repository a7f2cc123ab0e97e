/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/rpc/conn.h"
#include "agent/rpc/dispatch.h"
#include "lib/log.h"

static void leave_conn(struct rpc_call *call)
{
	list_remove(&call->link);
	if (call->conn)
		call->conn->n_calls--;
	call->conn = NULL;
	loop_timer_stop(&call->timeout);
}

/* The core goes on with it, and nobody waits for the answer. */
static void detach(struct rpc_call *call)
{
	leave_conn(call);
	list_append(&call->server->detached, &call->link);
}

static void timed_out(struct loop_timer *timer)
{
	struct rpc_call *call = container_of(timer, struct rpc_call, timeout);

	rpc_log_failure(call, RPC_DEADLINE_EXCEEDED, "timeout");
	(void)rpc_conn_reply(call->conn, call->stream, RPC_DEADLINE_EXCEEDED, "timeout", NULL, NULL);
	rpc_call_disconnect(call);
}

struct rpc_call *rpc_call_new(struct rpc_conn *conn, uint32_t stream, size_t budget)
{
	struct rpc_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->server = conn->server;
	call->conn = conn;
	call->stream = stream;
	call->timeout.expired = timed_out;
	arena_init(&call->arena, budget);
	list_append(&conn->calls, &call->link);
	conn->n_calls++;
	return call;
}

struct rpc_call *rpc_call_free(struct rpc_call *call)
{
	if (!call)
		return NULL;
	if (!call->finished && call->cancel)
		call->cancel(call);
	if (call->written)
		call->written(call, false);
	leave_conn(call);
	call->server->request_bytes -= call->charged;
	arena_done(&call->arena);
	free(call);
	return NULL;
}

void rpc_call_set_timeout(struct rpc_call *call, int64_t nanoseconds)
{
	uint64_t ms = nanoseconds > 0 ? ((uint64_t)nanoseconds + 999999) / 1000000 : 0;
	int r;

	if (nanoseconds == 0 || call->finished)
		return;
	r = loop_timer_start(call->server->loop, &call->timeout, ms);
	/* What was begun cannot be undone, and the client has a clock of its own. */
	if (r < 0)
		log_warning("rpc", "Starting the timer of a call: %s, ignoring", strerror(-r));
}

void rpc_call_disconnect(struct rpc_call *call)
{
	if (call->cancel && !call->outlives_client)
		rpc_call_free(call);
	else
		detach(call);
}

void rpc_call_written(struct rpc_call *call, bool whole)
{
	rpc_written written = call->written;

	call->written = NULL;
	list_remove(&call->link);
	written(call, whole);
	rpc_call_free(call);
}

/* The one way out: queues the answer if somebody is there to hear it, and leaves the rest to the end of the turn. */
static void answer(struct rpc_call *call, int code, const char *text, const ProtobufCMessage *message,
                   const ProtobufCBinaryData *packed, rpc_written written)
{
	struct rpc_conn *conn = call->conn;

	if (call->finished)
		return;
	call->finished = true;
	call->written = written;
	leave_conn(call);
	if (conn)
		call->reply_end = rpc_conn_reply(conn, call->stream, code, text, message, packed);
	if (written && call->reply_end > 0) {
		list_append(&conn->unwritten, &call->link);
	} else {
		list_append(&call->server->finished, &call->link);
		loop_defer(call->server->loop, &call->server->sweep);
	}
}

void rpc_reply(struct rpc_call *call, const ProtobufCMessage *reply)
{
	answer(call, RPC_OK, NULL, reply, NULL, NULL);
}

void rpc_reply_empty(struct rpc_call *call)
{
	answer(call, RPC_OK, NULL, NULL, NULL, NULL);
}

void rpc_reply_bytes(struct rpc_call *call, const uint8_t *payload, size_t len)
{
	/* protobuf-c wants a pointer that is not const, and only reads. */
	ProtobufCBinaryData packed = { .len = len, .data = (uint8_t *)(uintptr_t)payload };

	answer(call, RPC_OK, NULL, NULL, &packed, NULL);
}

void rpc_reply_tracked(struct rpc_call *call, const ProtobufCMessage *reply, rpc_written written)
{
	answer(call, RPC_OK, NULL, reply, NULL, written);
}

static void fail(struct rpc_call *call, int code, const char *text)
{
	if (call->finished)
		return;
	rpc_log_failure(call, code, text);
	answer(call, code, text, NULL, NULL, NULL);
}

void rpc_fail(struct rpc_call *call, int code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fail(call, code, text);
}

void rpc_fail_err(struct rpc_call *call, int code, const struct err *err)
{
	fail(call, code, err_text(err));
}

void rpc_fail_result(struct rpc_call *call, int r, const struct err *err)
{
	rpc_fail_err(call, r == -EOPNOTSUPP ? RPC_UNIMPLEMENTED : RPC_INTERNAL, err);
}

static void completed(struct completion *completion, int r, const struct err *err)
{
	struct rpc_call *call = container_of(completion, struct rpc_call, completion);

	if (r < 0)
		rpc_fail_result(call, r, err);
	else
		rpc_reply_empty(call);
}

struct completion *rpc_await(struct rpc_call *call)
{
	call->completion.done = completed;
	return &call->completion;
}
