/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The foreground: waits for one process while signals go through to it, its terminal is served, and orphans that fell
 * to us are collected. Blocks.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"

struct supervisor {
	int signals; /* signalfd, -EBADF = not started */
	sigset_t saved;
	int notify; /* where the container says that it is ready; closed with the rest; negative = nobody asks */
};

/* Blocks all signals, so that none that comes from now on is lost; before the process exists. */
int supervise_start(struct supervisor *s, bool subreaper, struct err *err);

/* Waits for it; its exit status or 128 + signal. master is its terminal or negative. */
int supervise_wait(struct supervisor *s, pid_t pid, int pidfd, int master, struct err *err);

/* Lets signals be again. */
void supervise_done(struct supervisor *s);
