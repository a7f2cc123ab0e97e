/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process that the host knows by name: a container's init or an exec. It is owned by its container. After its end
 * it stays as a record (design D8), so that waiting, signalling and reading have answers.
 */
#pragma once

#include <stdint.h>

#include "agent/completion.h"
#include "agent/stream.h"
#include "lib/list.h"
#include "lib/loop.h"
#include "lib/reaper.h"

struct container;

enum process_state {
	PROCESS_BUILDING, /* the builder or the child is at work */
	PROCESS_CREATED,  /* parked before exec */
	PROCESS_RUNNING,
	PROCESS_EXITED, /* reaped; a record from here on */
	PROCESS_STATE_MAX,
	PROCESS_STATE_INVALID = -22, /* -EINVAL */
};

struct process_waiter;

/* Called once with the exit code (128 + signal), from a later loop turn. */
typedef void (*process_waited)(struct process_waiter *waiter, int code);

/* Embedded in its owner. */
struct process_waiter {
	struct list link;
	process_waited done;
};

struct process {
	struct list link; /* in container->processes, oldest first */
	struct container *container;
	char *id; /* exec id; of an init the container's */
	bool is_init, has_terminal;
	bool was_waited; /* its exit code was told to somebody: the id may be used again */
	enum process_state state; /* changed by process_set_state only */
	pid_t pid;
	int pidfd;
	int exit_code;
	uint64_t started_ns, exited_ns; /* CLOCK_BOOTTIME */
	struct reaper_child child;
	struct outstream *out, *err; /* err NULL with a terminal */
	struct instream *in;
	int master;	     /* the terminal, for resizing */
	struct list waiters; /* struct process_waiter */
	struct launch *launch; /* while it is being built, else NULL */
	uint64_t final_in, final_out, final_err; /* byte counts once the streams are gone */
};

/* A name for logs and `ps`. */
const char *process_state_name(enum process_state state);

/* Parks a waiter; for a process that has exited, done comes in the next turn. */
void process_wait(struct process *p, struct process_waiter *waiter);

/* Takes a waiter out; idempotent for an initialised one. */
void process_wait_cancel(struct process_waiter *waiter);

/* Sends a signal through the pidfd; a process that is gone is success. SIGTERM that an init would ignore is SIGKILL. */
int process_signal(struct process *p, int sig, struct err *err);

/* Window size; -ENOTTY without a terminal, 0 after exit. */
int process_resize(struct process *p, unsigned rows, unsigned columns, struct err *err);
