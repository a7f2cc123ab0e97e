/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The debug console (agent.debug_console): on a port (agent.debug_console_vport) a shell on a terminal of its own for
 * each connection, or, without a port, one shell on the guest's console. A session ends with its connection and the
 * connection with its shell; then every process of the session is killed. Bytes go both ways as they are; who does not
 * read is not read for. Owned by main.
 */
#pragma once

#include "lib/addr.h"
#include "lib/err.h"

#define DEBUG_CONSOLE_SESSIONS_MAX 16
#define DEBUG_CONSOLE_CHUNK        16384 /* bytes on their way, in each direction */

struct sandbox;
struct debug_console;

/* Listens; freed with debug_console_free. The sandbox is borrowed: the loop, and the policy's gate. */
int debug_console_new(struct sandbox *sandbox, const struct addr *addr, struct debug_console **ret, struct err *err);

/* A shell on /dev/console, once. Freed with debug_console_free. */
int debug_console_on_tty(struct sandbox *sandbox, struct debug_console **ret, struct err *err);

/* Ends all sessions. Returns NULL. */
struct debug_console *debug_console_free(struct debug_console *console);
