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
struct passfd_stdio;

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
	bool was_waited;          /* its exit code was told to somebody: the id may be used again */
	enum process_state state; /* changed by process_set_state only */
	pid_t pid;
	int pidfd;
	int exit_code;
	uint64_t started_ns, exited_ns; /* CLOCK_BOOTTIME */
	struct reaper_child child;
	struct outstream *out, *err; /* err NULL with a terminal */
	struct instream *in;
	struct passfd_stdio *passfd; /* NULL without passfd streams, and once they are over */
	int master;                  /* the terminal, for resizing */
	struct list waiters;         /* struct process_waiter */
	struct loop_deferred tell;   /* tells the waiters */
	struct launch *launch;       /* while it is being built, else NULL */
	struct exec *exec;           /* until ExecProcess is answered */
	bool is_failed;              /* its exec failed and was answered: forgotten as soon as it is reaped */
	struct list lingering;       /* in sandbox->lingering while an output end holds unread bytes */
	struct outstream_counters out_counters, err_counters; /* once the streams are gone */
	uint64_t in_written;
};

/* Makes a process in PROCESS_BUILDING and puts it at the end of its container's list. 0 or -ENOMEM. */
int process_new(struct container *c, const char *id, bool is_init, struct process **ret);

/* Takes it out of its container and frees it; waiters are told its code, readers the end. Returns NULL. */
struct process *process_free(struct process *p);

/* The one way to change p->state; an illegal step is logged and refused with -EINVAL. */
int process_set_state(struct process *p, enum process_state state);

/* Our ends of three pipes (taken over): the process's stdin, stdout and stderr; a negative one it does not have. */
int process_attach_pipes(struct process *p, int in, int out, int err_fd);

/* Our end of a terminal (taken over). */
int process_attach_terminal(struct process *p, int master);

/* The pid is ours to watch from now on; pidfd is taken over. */
void process_watch(struct process *p, pid_t pid, int pidfd);

/* Bytes so far, of the running streams or of the record; err may be all zeroes. */
void process_counters(const struct process *p, uint64_t *ret_in, struct outstream_counters *ret_out,
                      struct outstream_counters *ret_err);

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
