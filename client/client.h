/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ttrpc client on one connection: any number of calls at once, answers in any order, a callback for each. There is no
 * thread: the owner calls client_step, which waits, writes, reads and calls back. Knows message types by descriptor
 * only and never reconnects. The client owns its fd; a reply belongs to the client while its callback runs.
 */
#pragma once

#include <poll.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "proto/envelope.h"

#define CLIENT_GRACE_MS  250 /* what a peer may be late with its own "deadline exceeded" */
#define CLIENT_EXTRA_MAX 8   /* fds of the caller's that client_step watches besides its own */

struct client;

/* A method of a service: what a call needs to know. */
struct client_method {
	const ProtobufCServiceDescriptor *service;
	const ProtobufCMethodDescriptor *method;
};

/* How a call ended. code RPC_OK: message is there; else text says why. */
struct client_reply {
	const char *method; /* "CreateContainer" */
	int code;           /* enum rpc_code, or what else the peer said */
	bool is_lost;       /* no connection any more; code is RPC_UNAVAILABLE */
	bool is_local;      /* this side gave up or refused; the peer did not say so */
	const char *text;   /* in the arena; never NULL */
	ProtobufCMessage *message;
	struct arena arena; /* holds text and message */
};

#define _autoreply_  _cleanup_(client_reply_done)
#define _autoclient_ _cleanup_(client_freep)

/* Called once for each call, from client_step; may send further calls, must not free the client. May move *reply away.
 */
typedef void (*client_reply_fn)(void *arg, struct client_reply *reply);

/* A client on a connected stream socket, which it owns from now on; NULL when out of memory (the fd is closed). */
struct client *client_new(int fd);

/* Connects to an address (lib/addr.h) within timeout_ms; 0 or -errno. */
int client_open(struct client **ret, const char *address, unsigned timeout_ms, struct err *err);

/* Closes the connection; calls that are pending are forgotten without a callback. Returns NULL. */
struct client *client_free(struct client *c);

/* The cleanup function behind _autoclient_. */
void client_freep(struct client **c);

/*
 * Queues a call; fn is called for it exactly once, always later, whatever happens (unless the client is freed before).
 * timeout_ms 0 = none; else the peer is told and the call ends here CLIENT_GRACE_MS after it. -ENOMEM is the only
 * error.
 */
int client_send(struct client *c, const struct client_method *m, const ProtobufCMessage *request, unsigned timeout_ms,
                client_reply_fn fn, void *arg);

/*
 * Waits at most timeout_ms (-1 = until something happens) for the connection, for a call's deadline, or for one of the
 * n extra fds, whose revents are filled; then does what is due. 0, or -errno when the connection is over: then all
 * calls have been answered, and only the extra fds are waited for.
 */
int client_step(struct client *c, struct pollfd *extra, size_t n, int timeout_ms);

/* Sends a call and steps until it has been answered; fills *ret (client_reply_done), returns 0 or -ENOMEM. */
int client_call(struct client *c, const struct client_method *m, const ProtobufCMessage *request, unsigned timeout_ms,
                struct client_reply *ret);

/* For an event loop that calls client_step itself: the fd, whether it is to be written to, and how long at most to wait
 * (timeout_ms, or less when a call's deadline comes first; -1 = for ever). */
int client_fd(const struct client *c);
bool client_wants_write(const struct client *c);
int client_timeout(const struct client *c, int timeout_ms);

/* Number of calls without an answer. */
size_t client_pending(const struct client *c);

/* Frees text and message. */
void client_reply_done(struct client_reply *reply);
