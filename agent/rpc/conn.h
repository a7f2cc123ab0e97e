/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's connection: cuts frames, refuses bad ones, hands requests to the dispatcher, and writes replies in the
 * order in which they come. A client that does not read its replies is not read from. Owned by its server; ends itself
 * when the client goes, and is freed at the end of that turn.
 */
#pragma once

#include "agent/rpc/server.h"
#include "lib/buf.h"
#include "lib/ttrpc.h"
#include "proto/envelope.h"

#define RPC_CALLS_MAX        1024        /* open calls of one connection */
#define RPC_QUEUE_HIGH       (8u << 20)  /* bytes of unread replies above which the client is not read from */
#define RPC_QUEUE_MAX        (64u << 20) /* … above which a reply is refused */
#define RPC_FRAME_TIMEOUT_MS 10000       /* a frame that began has to be complete by then */

struct rpc_call;

/* The members are for agent/rpc only. */
struct rpc_conn {
	struct list link; /* in server->conns */
	struct rpc_server *server;
	struct loop_source source;
	struct ttrpc_cutter cutter;
	struct loop_timer frame_timer;
	struct loop_deferred end_of_turn;
	struct list calls; /* struct rpc_call that are open */
	size_t n_calls;
	struct list unwritten; /* struct rpc_call whose reply is queued and who want to know when it is out */
	struct buf out;
	uint64_t written;  /* bytes ever; written + out.len = bytes ever queued */
	int64_t last_byte; /* when one came or went, ms of the monotonic clock */
	bool ended;        /* the socket is closed */
	bool closing;      /* ends once the queue is empty */
};

/* Makes a connection of an accepted, non-blocking socket, which is taken over on success. */
int rpc_conn_new(struct rpc_server *server, int fd);

/* Ends it now: calls with a cancel hook are cancelled, the others go on unseen. Returns NULL. */
struct rpc_conn *rpc_conn_free(struct rpc_conn *conn);

/* Closes the socket; the rest happens at the end of the turn. Idempotent; `why` is for the debug log. */
void rpc_conn_end(struct rpc_conn *conn, const char *why);

/*
 * Queues a reply frame: the message, or payload bytes that are already packed. A reply that is too long becomes
 * RESOURCE_EXHAUSTED. Returns the position behind the reply in the stream of bytes, or 0 if this reply will never get
 * out.
 */
uint64_t rpc_conn_reply(struct rpc_conn *conn, uint32_t stream, int code, const char *text,
                        const ProtobufCMessage *message, const ProtobufCBinaryData *packed);
