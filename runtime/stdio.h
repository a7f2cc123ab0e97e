/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that stands for a process in a guest: carries its stdio, has the pid that engines know, and exits as it
 * did. Started by the verb that creates the container or the exec, or that verb itself when it stays in the foreground.
 * Also its terminal, and the pid file. The struct is the verb's.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"
#include "runtime/view.h"

struct stdio {
	const char *root;   /* of the sandboxes */
	const char *cid;    /* the container */
	const char *eid;    /* the exec, NULL = the container's first process */
	char *address;      /* of the agent, ours */
	bool is_terminal;   /* the process has one */
	bool is_foreground; /* the verb itself is the process */
	int master, slave;  /* of an engine's terminal */
	pid_t pid;          /* once started; not our child if is_foreground */
	int pidfd;          /* of our child */
	const char *pid_path;
	char *pid_new; /* has the room for the pid file, until it is written */
	int pid_fd;
};

#define STDIO_INIT                                                                                                     \
	{                                                                                                              \
		.master = -EBADF, .slave = -EBADF, .pidfd = -EBADF, .pid_fd = -EBADF                                   \
	}
#define _autostdio_ _cleanup_(stdio_done)

/*
 * Prepares the terminal, if the process is to have one: a new one whose master goes to the console socket, else our
 * own, which must be one.
 */
int stdio_open_terminal(struct stdio *s, const char *console_socket, struct err *err);

/* Takes from the supervisor's answer to create or exec where the agent is. */
int stdio_take_answer(struct stdio *s, struct json_object *answer, struct err *err);

/* Starts the process, or makes it this one; then the supervisor watches it. */
int stdio_start(struct stdio *s, const struct view *v, struct err *err);

/* Makes sure that the pid file can be written, before anything runs; NULL = none is wanted. The path is kept. */
int stdio_reserve_pid_file(struct stdio *s, const char *path, struct err *err);

/* Writes it so that it is there as a whole. */
int stdio_write_pid_file(struct stdio *s, struct err *err);

/* From here on signals wait until stdio_wait hands them on. For a verb that stays to clean up. */
void stdio_block_signals(void);

/* True if one waits. */
bool stdio_is_interrupted(void);

/* Readable as long as one of them is pending, the caller's; negative if they are not blocked. */
int stdio_open_signals(void);

/* Waits for the end, and hands signals on to it: the exit status, or -errno. */
int stdio_wait(const struct stdio *s);

/*
 * Carries the stdio of a process until it has exited; its status. If its VM has gone before that was told: what the
 * supervisor has noted down of the container, else 137.
 */
int stdio_serve(const char *root, const char *address, const char *cid, const char *eid, bool is_terminal);

/* The exit status that the supervisor has noted down of a container that is stopped, else 137. */
int stdio_noted_status(const char *root, const char *cid);

/* Closes what is open; a process that was started goes on. */
void stdio_done(struct stdio *s);
