/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that owns a sandbox: one loop that serves the requests of ROOT/SANDBOX/supervisor.sock until the sandbox
 * has ended. Started by the verb that creates the sandbox, in a session of its own.
 */
#pragma once

#include "lib/err.h"

#define SUPERVISOR_SOCKET "supervisor.sock"

/* The supervisor itself; fd 0 is the connection with the first request. Its exit status. */
int supervisor_main(const char *root, const char *sandbox);

/* Starts one; the connection for the first request, or -errno. */
int supervisor_start(const char *root, const char *sandbox, struct err *err);
