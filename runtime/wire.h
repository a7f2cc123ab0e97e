/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the verbs talk to a supervisor: a unix socket, one request a connection, one line of JSON each way. An answer is
 * {"result": …} or {"errno": N, "error": "text"}. What a request means is the handler's business.
 */
#pragma once

#include <json-c/json.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/list.h"
#include "lib/loop.h"

#define WIRE_LINE_MAX (4u << 20)

struct wire;

/* A request that came; whoever handles it answers once, now or later. */
struct wire_request {
	struct list
		link; /* in the wire's list until it has come and when it is answered; the handler's to use between */
	struct wire *wire;
	struct loop_source source;
	struct buf in, out;
	struct json_object *json; /* an object, borrowed by the handler until it answers */
	void *owner;              /* the handler's to use */
};

typedef void (*wire_handler)(void *arg, struct wire_request *request);

/* The listening side; embedded in its owner. */
struct wire {
	struct loop *loop;
	struct loop_source source;
	struct list incoming;
	wire_handler handler;
	void *arg;
};

/* Listens on the path (mode 0700 of its directory is the caller's); peers that are not root or us are refused. */
int wire_listen(struct wire *wire, struct loop *loop, const char *path, wire_handler handler, void *arg,
                struct err *err);

/* Takes over a connection that is there already. 0 or -errno. */
int wire_adopt(struct wire *wire, int fd);

/* Ends the listening and what has not come, or been answered, in full. */
void wire_done(struct wire *wire);

/* Answers with a result, which becomes ours (NULL = nothing to say); the request is not the handler's any more. */
void wire_answer(struct wire_request *request, struct json_object *result);

/* The same with an error. */
void wire_fail(struct wire_request *request, const struct err *err);

/* Answers so on a connection that is nobody's request yet; the fd stays the caller's. */
void wire_tell_failure(int fd, const struct err *err);

/* The request's member of that name as text, or NULL. */
const char *wire_text(const struct wire_request *request, const char *name);

/* A connection to a supervisor: fd or -errno; nobody listens is -ECONNREFUSED or -ENOENT. */
int wire_connect(const char *path, struct err *err);

/* The client's side: sends, waits for the answer at most timeout_ms. *ret (may be NULL) is the caller's to put. */
int wire_ask(int fd, struct json_object *request, unsigned timeout_ms, struct json_object **ret, struct err *err);

/* The same, but -EINTR as soon as `interrupt` can be read, of which nothing is taken; negative = never. */
int wire_ask_unless(int fd, int interrupt, struct json_object *request, unsigned timeout_ms, struct json_object **ret,
                    struct err *err);
