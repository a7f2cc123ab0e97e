/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passfd streams of one process: bytes between its connections and the agent's ends of its stdio, by the rules of
 * stream.h. Output counts as delivered when the connection's socket has taken it; what a host that is gone did not
 * take stays in the stream, for ReadStdout and the stream port. The process's exit is told when all its output is
 * delivered, or its host is gone, or takes nothing for PASSFD_STALL_MS. The end of a connection is the end of input,
 * but not for a terminal: there it is only somebody who went away. Owned by the process.
 */
#pragma once

#include <stdbool.h>

#include "agent/passfd.h"

#define PASSFD_STALL_MS 10000 /* without a byte taken, after the process's end */

struct process;
struct passfd_stdio;

/* Takes the streams over (they are empty then) for the process; *ret is NULL if there are none. 0 or -ENOMEM. */
int passfd_stdio_new(struct process *p, struct passfd_streams *streams, struct passfd_stdio **ret);

/* Ends the connections. NULL is fine. Returns NULL. */
struct passfd_stdio *passfd_stdio_free(struct passfd_stdio *s);

/* Frees it and returns NULL if all of it is over, else returns it. NULL is fine. */
struct passfd_stdio *passfd_stdio_settle(struct passfd_stdio *s);

/* True if the process has passfd streams, and none of this kind: it gets /dev/null. */
bool passfd_stdio_lacks(const struct passfd_stdio *s, enum kstr_kind kind);

/* Begins to copy: the process has its pipes or its terminal. NULL is fine. 0 or -errno. */
int passfd_stdio_start(struct passfd_stdio *s);

/* The process was reaped. True if its exit is not to be told yet; then p->tell is deferred when it is. */
bool passfd_stdio_process_exited(struct passfd_stdio *s);

/* True while the exit is not to be told yet. */
bool passfd_stdio_holds_exit(const struct passfd_stdio *s);
