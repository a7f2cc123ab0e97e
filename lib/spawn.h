/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program: fork, keep list, signals reset, execve. For hooks, mkfs, iptables. The child reports a failed exec,
 * so that "no such file" is the caller's error and not exit status 127.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"

#define SPAWN_FDS_MAX 64 /* that a program may get beside its stdio */

struct spawn_spec {
	const char *path;  /* absolute */
	char *const *argv; /* NULL-terminated */
	char *const *env;  /* NULL-terminated; NULL = empty */
	int stdio[3];      /* becomes 0, 1, 2; negative = /dev/null */
	const int *fds;    /* n_fds more, which become 3, 4, … */
	size_t n_fds;
	bool death_signal; /* SIGKILL when we die */
	bool new_session;  /* it leads a session and a process group of its own */
	bool interactive;  /* with new_session: stdio[0] is its terminal; no protection from the OOM killer */
	int netns;         /* network namespace to live in; 0 or negative = ours */
	int cgroup_fd;     /* directory of the v2 cgroup to be born in; 0 or negative = ours */
};

/* Starts it and waits for the exec; the pid, or -errno (the exec's reason included). *ret_pidfd is the caller's. */
pid_t spawn_run(const struct spawn_spec *spec, int *ret_pidfd, struct err *err);

/*
 * Waits for a spawned program, at most timeout_ms (-1 = for ever), in a job or a program that is no reaper: the exit
 * status or 128 + the signal, -ETIMEDOUT, or another -errno.
 */
int spawn_wait(int pidfd, int timeout_ms);

/* As spawn_wait, but a program that takes longer is killed, and waited for a moment more. */
int spawn_wait_or_kill(int pidfd, int timeout_ms);

/*
 * Calls fn(arg) in a child that has no fd but `fd` and that no signal to us reaches, not even a deadly one: it goes on
 * without us. What it returned (0 to -255) if it did within timeout_ms, else -ETIMEDOUT, and the child goes on too;
 * what such children leave is collected by the next call. For what must not stop half-way. -ENOSYS where there is no
 * clone3.
 */
int spawn_apart(int (*fn)(void *arg), void *arg, int fd, int timeout_ms);
