/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to a process that waits before exec, and its release: what create, run and exec share. The caller
 * fills in the options, says what to build, and owns the struct; launch_done closes what is left, and a process that
 * was not released in time is ended by it.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "agent/child.h"
#include "lib/arena.h"
#include "lib/err.h"
#include "runk/runk.h"

struct launch_options {
	const char *bundle, *console_socket, *pid_file, *pidfd_socket;
	int64_t preserve_fds;
	bool detach, no_new_keyring;
};

struct launch {
	const struct runk *runk;
	const struct launch_options *options;
	struct build_request request;
	struct build_result result;
	int report, park; /* our ends */
	int master;       /* of the terminal, if it is ours to serve */
	bool released;
	/* Called when all is mounted, if request.stops_before_pivot; then the child goes on. */
	int (*mounted)(void *arg, struct err *err);
	void *mounted_arg;
};

#define LAUNCH_INIT                                                                                                    \
	{                                                                                                              \
		.report = -EBADF, .park = -EBADF, .master = -EBADF, .result = {.pidfd = -EBADF }                       \
	}
#define _autolaunch_ _cleanup_(launch_done)

/* Closes all; a child that was never released is killed and waited for. */
void launch_done(struct launch *l);

/* -EINVAL if the way the terminal is asked for makes no sense. */
int launch_check_terminal(const struct launch_options *options, bool terminal, bool detach, struct err *err);

/* If fds of socket activation are handed on, tells the process so by LISTEN_FDS and LISTEN_PID. */
int launch_add_listen_env(struct arena *arena, struct oci_process *process, struct err *err);

/* Makes the report socket, and the park socket unless request.park is there already; clones the child. */
int launch_build(struct launch *l, struct err *err);

/* Waits until the child is ready to exec. Hands the terminal to the console socket, or keeps it as `master`. */
int launch_wait_ready(struct launch *l, struct err *err);

/* Sends the pidfd and writes the pid file, if they are wanted; the file whole or not at all, since engines wait for it.
 */
int launch_write_pid_file(const struct launch *l, struct err *err);

/* Releases the child and waits until exec has worked, or says why it did not. */
int launch_let_go(struct launch *l, struct err *err);
