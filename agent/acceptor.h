/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening socket and the rules that all of the agent's ports share: only peers that may talk to us get in, and a
 * socket that cannot accept just now (no fds left) is neither given up nor asked without end. What a connection is for
 * is its owner's business. Embedded in the owner.
 */
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/loop.h"

#define ACCEPTOR_RETRY_MS 100 /* shorter than PASSFD_CLAIM_MS */

struct acceptor {
	const char *name; /* category of its log lines */
	struct loop *loop;
	struct loop_source listener;
	struct loop_timer retry;                            /* accepting is tried again */
	unsigned long refused;                              /* peers that may not talk to us */
	void (*welcome)(struct acceptor *acceptor, int fd); /* takes a connected, non-blocking socket over */
};

/* Makes one that listens nowhere yet; the name is borrowed. */
void acceptor_init(struct acceptor *acceptor, const char *name, struct loop *loop,
                   void (*welcome)(struct acceptor *acceptor, int fd));

/* Listens. 0 or -errno; closed with acceptor_close in either case. */
int acceptor_open(struct acceptor *acceptor, const struct addr *addr, int backlog, struct err *err);

/* Accepts what waits now, at most max; the loop does so by itself, but after whatever else it is about to do. */
void acceptor_take(struct acceptor *acceptor, unsigned max);

/* Stops listening; idempotent. */
void acceptor_close(struct acceptor *acceptor);
