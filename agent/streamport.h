/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener of the stream plane (agent.stream_vport, design D7): takes connections of peers that may talk to us, and
 * leaves the rest to streamconn. Owned by main; borrows the sandbox, and must be freed before it.
 */
#pragma once

#include "lib/addr.h"
#include "lib/err.h"

#define STREAMPORT_CONNS_MAX 256

struct sandbox;
struct streamport;

/* Listens at the address; freed with streamport_free. */
int streamport_new(struct sandbox *sandbox, const struct addr *addr, struct streamport **ret, struct err *err);

/* Stops listening and ends all connections. Returns NULL. */
struct streamport *streamport_free(struct streamport *port);
