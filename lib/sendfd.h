/* SPDX-License-Identifier: Apache-2.0 */
/* Handing an fd to whoever listens on a unix socket: engines take a container's terminal so. Owns nothing. */
#pragma once

#include "lib/err.h"

/* Connects to the socket at `path` and sends `text` with the fd. */
int sendfd_to(const char *path, const char *text, int sent, struct err *err);
