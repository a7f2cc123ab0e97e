/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's machine protocol over a connected socket, on the loop: commands are queued and answered in their order, events
 * are told as they come. What the commands mean is the caller's business. The connection owns its fd.
 */
#pragma once

#include <json-c/json.h>

#include "lib/err.h"
#include "lib/loop.h"

#define QMP_LINE_MAX (4u << 20) /* bytes of one answer; more ends the connection */

struct qmp;

/*
 * How a command ended: `result` (borrowed) when rc is 0, else -errno with the reason; -EPIPE when the connection is
 * over, -ETIMEDOUT when it took too long. May queue further commands, must not free the connection.
 */
typedef void (*qmp_done)(void *arg, int rc, struct json_object *result, const struct err *err);

/* What the connection tells of itself; both may be NULL. */
struct qmp_watcher {
	void (*event)(void *arg, const char *name, struct json_object *data); /* data borrowed, may be NULL */
	void (*closed)(void *arg,
	               const struct err *err); /* the last that is told; the connection may not be freed in it */
	void *arg;
};

/* Takes over the socket and asks for its capabilities; *ret is freed with qmp_free. 0 or -errno (the fd is closed). */
int qmp_new(struct loop *loop, int fd, const struct qmp_watcher *watcher, struct qmp **ret);

/* Closes; commands that are pending are forgotten without a callback. Returns NULL. */
struct qmp *qmp_free(struct qmp *q);

/*
 * Queues a command. `arguments` becomes the connection's (may be NULL); pass_fd (-1 = none) goes along and stays the
 * caller's until `done` is called, exactly once. timeout_ms counts from now. -ENOMEM, or -EPIPE when it is over.
 */
int qmp_command(struct qmp *q, const char *name, struct json_object *arguments, int pass_fd, unsigned timeout_ms,
                qmp_done done, void *arg);
