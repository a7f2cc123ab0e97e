/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that a virtual machine needs, as a child of the supervisor: started, watched by its pidfd on the loop,
 * reaped. It dies with us. The struct is its owner's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"

struct child {
	const char *name;
	pid_t pid; /* 0 = was never started */
	uint64_t start_time;
	struct loop_source source; /* its fd is the pidfd */
	bool is_running;
	int status;                         /* exit status or 128 + the signal, once it has ended */
	void (*ended)(struct child *child); /* from the loop; may be NULL */
	void *owner;                        /* for `ended` */
};

struct child_spec {
	const char *name;
	char *const *argv;
	const char *log; /* file that its output is appended to */
	int stdin_fd;    /* negative = /dev/null */
	int netns;       /* network namespace to live in; 0 or negative = ours */
	const int *fds;  /* n_fds more, which become 3, 4, … */
	size_t n_fds;
};

/* Starts argv[0] with no environment but PATH. */
int child_start(struct loop *loop, struct child *child, const struct child_spec *spec, struct err *err);

/* Sends SIGKILL, if it still runs. */
void child_kill(struct child *child);

/* Kills and reaps it, waiting for that at most a few seconds; `ended` is not called. Harmless for one never started. */
void child_done(struct child *child);

/* The last line that it wrote to its log, to be freed by the caller; NULL if there is none. */
char *child_last_line(const char *log);
