/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) of a container: if runk was started with NOTIFY_SOCKET, the container gets a socket of its own at
 * /run/notify, and the first READY that comes there is handed on, with the process that it is about. Every other word
 * stays in the container. The socket's directory is in that of the container's state.
 */
#pragma once

#include <sys/types.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"

/* True if our caller wants to hear that the container is ready. */
bool notify_is_wanted(void);

/* Makes the directory below `dir`, whose path is `path`, and has the specification mount it and name the socket. */
int notify_plan(struct arena *arena, int dir, const char *path, struct oci_spec *spec, struct err *err);

/* Binds the socket in there; its fd, or -ENOENT if the container was created without. */
int notify_open(int dir);

/* To be called when there is something to read: 1 if it was READY and our caller was told that it is `pid`, 0 if not.
 */
int notify_forward(int fd, pid_t pid, struct err *err);

/* Waits for READY, or for the end of the process. */
int notify_wait(int fd, pid_t pid, int pidfd, struct err *err);
