/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log on a vsock port (agent.log_vport): records wait in a ring until somebody connects, one reader at a time; what
 * the ring could not hold is counted and told to the reader first. Owned by main.
 */
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/loop.h"

#define LOGSINK_BUFFER_MAX (256 * 1024)

struct logsink;

/* Listens; from now on lib/log writes here. Freed with logsink_free. */
int logsink_new(struct loop *loop, const struct addr *addr, struct logsink **ret, struct err *err);

/* Closes, and the log goes to stderr again. Returns NULL. */
struct logsink *logsink_free(struct logsink *sink);
