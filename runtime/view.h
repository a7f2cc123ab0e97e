/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container as the files tell it, for verbs that only look, and for those that clean up when nobody is there to ask.
 * Read once; owns what it read.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

struct view {
	char *sandbox;
	struct json_object *state;     /* of the sandbox; NULL = it has written none yet */
	struct json_object *container; /* in it; NULL = not in there (yet) */
	bool is_served;                /* its supervisor lives */
	const char *status;            /* "creating", "created", "running", "stopped" */
	pid_t pid;                     /* of its stdio process, 0 = none */
};

#define _autoview_ _cleanup_(view_done)

/* Looks a container up; -ENOENT: there is none of that name. */
int view_open(const char *root, const char *id, struct view *ret, struct err *err);

/* Frees what view_open has left. */
void view_done(struct view *v);

/* As view_open; one that is stopped is -ESRCH. */
int view_open_running(const char *root, const char *id, struct view *ret, struct err *err);

/* A pidfd of the process that {"pid", "start"} tells of, or -ESRCH. */
int view_open_process(struct json_object *process);

/* Asks the container's supervisor; *ret may be NULL. -ECONNREFUSED or -ENOENT when there is none. */
int view_ask(const char *root, const struct view *v, struct json_object *request, unsigned timeout_ms,
             struct json_object **ret, struct err *err);
