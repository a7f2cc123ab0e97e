/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of the stream plane (design D7, lib/kstr.h): its header, its answer, then the bytes of one stream of
 * one process. It holds no output of its own: what is not acknowledged lies in the stream, so a client that dies loses
 * nothing. It ends when the stream has ended and all is acknowledged, or the client is gone. Of the transport it knows
 * that it is a stream socket. Owned by its list; frees itself.
 *
 * A client is gone when the connection is closed both ways; an output's client also when it closes its writing half.
 * An input's client that closes its writing half ends the input. Half a connection cannot be closed over every
 * transport (not over hvsock): there the client waits for its last byte's mark and calls CloseStdin.
 */
#pragma once

#include "lib/list.h"
#include "lib/loop.h"

struct sandbox;
struct streamconn;

/* What connections share; embedded in the port. */
struct streamconns {
	struct sandbox *sandbox; /* borrowed: the loop, and where processes are found */
	struct list list;        /* struct streamconn */
	unsigned n;
};

/* Makes a connection of an accepted, non-blocking socket, which is taken over on success. 0 or -errno. */
int streamconn_new(struct streamconns *conns, int fd);

/* Ends them all at once. */
void streamconns_free(struct streamconns *conns);
