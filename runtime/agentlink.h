/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's connection to the agent, on the loop: calls are queued and answered by callbacks. Embedded in its
 * owner, who also closes it, but not in a callback of it.
 */
#pragma once

#include "client/client.h"
#include "lib/loop.h"

#define AGENTLINK_TIMEOUT_MS 60000

struct agentlink {
	struct loop *loop;
	struct client *client; /* NULL = not open */
	struct loop_source source;
	struct loop_timer timer; /* the next deadline of a call */
};

/* Connects within timeout_ms, waiting for it, and checks that an agent answers. */
int agentlink_open(struct agentlink *link, struct loop *loop, const char *address, unsigned timeout_ms,
                   struct err *err);

/* True if an agent answers there; takes at most a few seconds, and a blink where nobody listens. */
bool agentlink_probe(const char *address);

/* Queues a call of that name; fn is called once, later. 0 or -errno: then fn never comes. */
int agentlink_call(struct agentlink *link, const char *method, const ProtobufCMessage *request, unsigned timeout_ms,
                   client_reply_fn fn, void *arg);

/* "create container 'x': NOT_FOUND: text" in err for a reply that is not OK; returns -num, 0 if it is OK. */
int agentlink_check(const struct client_reply *reply, const char *what, const char *id, struct err *err);

/* Closes; calls without an answer are forgotten. */
void agentlink_close(struct agentlink *link);
