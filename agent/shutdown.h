/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end: flush the disks and power off, each with a deadline. A service that is not PID 1 just ends.
 */
#pragma once

#include "agent/console.h"
#include "lib/job.h"

#define SHUTDOWN_FLUSH_MS 2000  /* for the last replies to reach their clients */
#define SHUTDOWN_SYNC_MS  10000 /* for sync(2), in a job: a dead disk must not keep the VM alive */

struct rpc_server;

/* Lets the last replies go out and ends all connections. */
void shutdown_server(const struct job_env *env, struct rpc_server *server);

/* sync and power off; returns only if we are not PID 1 (then the caller exits), or if the kernel refuses. */
void shutdown_machine(struct console *console, const struct job_env *env);

/* For failures before there is a loop: says why on the console, then powers off or exits with 1. */
void shutdown_boot_failed(struct console *console, const char *why) __attribute__((noreturn));
