/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passfd streams (agent.passfd_listener_port): a host connects first, one connection for each stream, and names the
 * ports that it has called from in CreateContainer or ExecProcess. Here connections wait until they are named, and
 * claims until theirs have come; what is done with them then is passfd_stdio.h's. Owned by main, which gives it to the
 * sandbox; must outlive neither.
 */
#pragma once

#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/kstr.h"
#include "lib/list.h"
#include "lib/loop.h"

#define PASSFD_UNNAMED_MAX 256   /* connections that nobody has named yet */
#define PASSFD_UNNAMED_MS  60000 /* … and for how long */
#define PASSFD_CLAIM_MS    300   /* how long a call waits for the connections that it names */

struct passfd;
struct passfd_claim;

/* A connection; whoever has it owns it. */
struct passfd_stream {
	struct list link; /* in the port's list of those that wait, or of those that are taken */
	unsigned *n_unnamed;
	uint32_t port; /* that it was made from */
	int64_t since_ms;
	int fd; /* non-blocking */
};

/* The streams of one process by enum kstr_kind; NULL = none. */
struct passfd_streams {
	struct passfd_stream *v[KSTR_KIND_MAX];
};

/* Called once, from a later turn: r 0 and the streams, which are to be moved away, or -errno. */
typedef void (*passfd_claimed)(struct passfd_claim *claim, int r, struct passfd_streams *streams,
                               const struct err *err);

/* Embedded in its owner, who keeps it until it is over. */
struct passfd_claim {
	struct list link;
	struct passfd *passfd;
	uint32_t ports[KSTR_KIND_MAX]; /* 0 = none */
	struct loop_timer patience;
	passfd_claimed done;
};

/* Listens; freed with passfd_free. */
int passfd_new(struct loop *loop, const struct addr *addr, struct passfd **ret, struct err *err);

/* Stops listening and closes what waits; those that are taken belong to others. No claim may wait. Returns NULL. */
struct passfd *passfd_free(struct passfd *f);

/*
 * Takes the connections from the claim's ports (with `done` filled in), all of them or none: 1 = *ret has them, 0 =
 * `done` will be called, -errno with a text that names the port.
 */
int passfd_claim(struct passfd *f, struct passfd_claim *claim, struct passfd_streams *ret, struct err *err);

/* Forgets a claim that waits. Idempotent. */
void passfd_claim_cancel(struct passfd_claim *claim);

/* Closes what waits and was not named: the sandbox ends. NULL is fine. */
void passfd_close_unnamed(struct passfd *f);

/* Number of connections that wait to be named. */
unsigned passfd_count_unnamed(const struct passfd *f);

/* Ends the connection. Returns NULL. */
struct passfd_stream *passfd_stream_free(struct passfd_stream *stream);

/* Ends all of them. */
void passfd_streams_done(struct passfd_streams *streams);

/* Moves them away, and leaves none behind. */
struct passfd_streams passfd_streams_take(struct passfd_streams *streams);
