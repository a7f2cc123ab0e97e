/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job does in a forked child what could block on the loop. It closes every fd that is not on its keep list, gets the
 * original signal mask and default handlers, runs its function, and reports the result, bytes and fds over a socket.
 * It has a deadline, after which it is killed. The caller owns struct job and keeps it until `done` was called, which
 * happens exactly once, from the loop, after the report or the death of the child has been seen (never from job_start).
 */
#pragma once

#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/loop.h"
#include "lib/reaper.h"

#define JOB_FDS_MAX   16
#define JOB_REPLY_MAX (64 * 1024)

/* What a job hands back besides its result; the fds are closed by whoever holds the struct last. */
struct job_reply {
	struct buf data;
	int fds[JOB_FDS_MAX];
	size_t n_fds;
};

/* Runs in the child. Returns 0 or -errno with err filled; the reply's content crosses over in both cases. */
typedef int (*job_function)(void *arg, struct job_reply *reply, struct err *err);

struct job;

/* r is the function's result, -ETIMEDOUT after the deadline, -EPIPE if the child died; err says why in words. The reply
 * is the callback's to pick from (take_fd); what is left is freed after it. The job may be freed or started again
 * inside. A child that does not even die of SIGKILL is left to the reaper two seconds after the deadline. */
typedef void (*job_done)(struct job *job, int r, struct job_reply *reply, const struct err *err);

struct job_env {
	struct loop *loop;
	struct reaper *reaper;
};

struct job {
	/* filled in by the caller */
	const char *name; /* for messages: "job 'name': ..." ; borrowed for the job's life */
	job_function run;
	void *arg; /* read by the child from its copy of our memory */
	job_done done;
	unsigned deadline_ms; /* 0 = JOB_DEADLINE_MS */
	const int *keep;      /* fds that the child keeps, besides 0 to 2 and the report's */
	size_t n_keep;

	/* private */
	struct loop_source report;
	struct loop_timer deadline;
	struct reaper_child child;
	struct job_reply reply;
	struct err err;
	int r;
	int pidfd;
	bool reported, killed;
	struct loop *loop;
};

#define JOB_DEADLINE_MS 60000

/* Forks the child; 0, or -errno and then `done` will not be called. */
int job_start(const struct job_env *env, struct job *job, struct err *err);

/* Kills the child and forgets it; `done` will not be called. Idempotent for a job that was started or is all zeroes. */
void job_cancel(struct job *job);

/* True between job_start and done. */
bool job_is_running(const struct job *job);

/* Puts a copy of fd (taken over) into the reply; -ENOSPC when it is full, and then fd is closed. */
int job_reply_add_fd(struct job_reply *reply, int fd);

/* Closes the fds and frees the data. */
void job_reply_done(struct job_reply *reply);

/* What every forked child of ours does first: keep list, signals, death of inherited privileges of the loop. */
int job_child_prologue(int *keep, size_t n_keep);
