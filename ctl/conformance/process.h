/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps about containers and processes, for the cases: making them as the hosts do, their stdio, their end. What a step
 * is, and who owns what: conform.h.
 */
#pragma once

#include "ctl/conformance/conform.h"

/* How a container is to be made; all members may be left out. */
struct conform_spec {
	const char *id;      /* the case's */
	const char *exec_id; /* the container's id */
	const char *script;  /* `cat` */
	bool tty;
	const char *process, *linux_, *top, *request, *mounts; /* more members, each begins with a comma */
	bool has_no_cgroup;                                    /* no CgroupsPath */
};

/* A name that no container has had, in the case's arena. */
const char *conform_name(struct conform *c);

/* CreateContainer's request for it, in the case's arena; NULL = the case has failed. */
const char *conform_spec_json(struct conform *c, const struct conform_spec *spec);

/* CreateContainer must succeed. */
bool conform_create(struct conform *c, const struct conform_spec *spec);

/* Create and StartContainer must succeed. */
bool conform_run(struct conform *c, const struct conform_spec *spec);

/* ExecProcess of `sh -c SCRIPT` in $C; must answer one of `codes`. `more` are members of Process with a comma in front.
 */
bool conform_exec(struct conform *c, const char *exec_id, const char *script, const char *more, unsigned codes);

/* WaitProcess in $C must answer this status. */
bool conform_exits(struct conform *c, const char *exec_id, int status);

/* Reads to the end; `out` gets it. */
bool conform_read(struct conform *c, const char *method, const char *exec_id, struct buf *out);

/* Reads stdout to the end, which must be this. */
bool conform_prints(struct conform *c, const char *exec_id, const char *want);

/* Reads stdout until it has as many bytes, in as many pieces as they come; they must be these. */
bool conform_prints_first(struct conform *c, const char *exec_id, const char *want);

/* WriteStdin must take all of it. */
bool conform_write(struct conform *c, const char *exec_id, const void *data, size_t n);

/* SIGKILL for all, without waiting; RemoveContainer must succeed. */
bool conform_remove(struct conform *c, const char *id);

/* Runs the script as the only process of a new container: it must print `want` and exit with 0. */
bool conform_script(struct conform *c, const struct conform_spec *spec, const char *want);

/* Brings $C into a state. */
bool conform_enter(struct conform *c, enum conform_state state);
