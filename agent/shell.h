/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shell of the guest itself, for debugging: which one, how it is started on a terminal, and how all of its session is
 * ended. No state.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"

/*
 * Starts the image's shell on this terminal, as leader of a session of its own. The pid, *ret_pidfd is the caller's;
 * -ENOENT names the places that were looked at.
 */
pid_t shell_start(int terminal, int *ret_pidfd, struct err *err);

/* Kills every process of the session; for a job, it reads all of /proc. 0 or -errno. */
int shell_kill_session(pid_t session, struct err *err);
