/* SPDX-License-Identifier: Apache-2.0 */
/* Handing an fd to the other end of a unix socket: a terminal to an engine, a filter to its agent. Owns nothing. */
#pragma once

#include <stddef.h>

#include "lib/err.h"

/* Connects a stream socket to `path`: the fd, or -errno (-ENAMETOOLONG). */
int sendfd_connect(const char *path);

/* Sends n bytes (at least one) and the fd `sent` (none if negative) in one message, by sendmsg(2) alone; 0 or -errno.
 */
int sendfd(int socket, const void *data, size_t n, int sent);

/* Connects to the socket at `path` and sends `text` with the fd. */
int sendfd_to(const char *path, const char *text, int sent, struct err *err);
