/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a client, from its request to its reply. A handler answers at once, or parks the call: with a `cancel`
 * hook, which is called when the client disconnects or its time is up, or without (or with outlives_client), and then
 * the call lives on unseen until it is answered, and its answer is dropped. Every call is answered exactly once by the
 * functions below; after that the handler must not touch it. It is freed at the end of the turn.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "agent/completion.h"
#include "agent/rpc/methods.h"
#include "lib/arena.h"
#include "lib/list.h"
#include "lib/loop.h"
#include "proto/envelope.h"

struct rpc_conn;
struct rpc_server;
struct rpc_call;

/* `whole` = the whole reply was accepted by the client's socket; false = some of it never will be. */
typedef void (*rpc_written)(struct rpc_call *call, bool whole);

struct rpc_call {
	struct list link; /* in the connection's calls or unwritten, or the server's detached or finished */
	struct rpc_server *server;
	struct rpc_conn *conn; /* NULL once the client is gone or was answered */
	uint32_t stream;
	struct rpc_method method;
	const ProtobufCMessage *request; /* of type method.descriptor->input, in the arena */
	struct arena arena;
	size_t charged; /* bytes of server->request_bytes that are this call's */
	struct loop_timer timeout;
	struct completion completion; /* for rpc_await */
	bool finished;                /* it was answered and only waits to be freed */
	uint64_t reply_end;           /* position behind the reply, for `written` */
	rpc_written written;

	/* for the handler */
	void (*cancel)(struct rpc_call *call); /* forget the call; it is freed right after */
	bool outlives_client;                  /* cancel is for the server's end only */
	void *state;                           /* in the arena */
};

/* The request as what it is. */
#define RPC_REQUEST(call, type) ((const type *)(call)->request)

/* Makes an open call of a connection, with an arena of this budget; NULL = out of memory. */
struct rpc_call *rpc_call_new(struct rpc_conn *conn, uint32_t stream, size_t budget);

/* Frees it, with its cancel hook called if it is still parked. Returns NULL. */
struct rpc_call *rpc_call_free(struct rpc_call *call);

/* Starts the clock of the client's timeout (0 = none); for the dispatcher, after the handler. */
void rpc_call_set_timeout(struct rpc_call *call, int64_t nanoseconds);

/* The client is gone: cancels the call or detaches it. For the connection. */
void rpc_call_disconnect(struct rpc_call *call);

/* Tells the call's `written` and frees the call. For the connection. */
void rpc_call_written(struct rpc_call *call, bool whole);

/* Answers with a message. */
void rpc_reply(struct rpc_call *call, const ProtobufCMessage *reply);

/* Answers with an empty message. */
void rpc_reply_empty(struct rpc_call *call);

/* Answers with a message that is already packed. */
void rpc_reply_bytes(struct rpc_call *call, const uint8_t *payload, size_t len);

/* Answers, and calls `written` once from a later turn or the end of this one; the call's arena lives until then. */
void rpc_reply_tracked(struct rpc_call *call, const ProtobufCMessage *reply, rpc_written written);

/* Answers with a failure, which is logged. */
void rpc_fail(struct rpc_call *call, int code, const char *fmt, ...) _printf_(3, 4);

/* Answers with a failure and the text of an error. */
void rpc_fail_err(struct rpc_call *call, int code, const struct err *err);

/* Answers with the core's failure r: UNIMPLEMENTED for -EOPNOTSUPP, "we do not do this", else INTERNAL. */
void rpc_fail_result(struct rpc_call *call, int r, const struct err *err);

/* A completion for the core, which answers the call with an empty message, or as rpc_fail_result does. */
struct completion *rpc_await(struct rpc_call *call);
