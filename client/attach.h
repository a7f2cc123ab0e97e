/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stdio of a process in a container: starts the process, carries our fds 0 to 2, signals and window size there and
 * back until it has exited and all its output is written, and tells its exit status. Does not create or remove
 * anything. Bytes go over the agent's stream port (plane.h) if it has one, else by calls.
 */
#pragma once

#include "client/session.h"
#include "lib/options.h"

struct attach_spec {
	const char *cid, *eid; /* eid = cid for the container's first process */
	bool interactive;      /* our stdin goes to the process; else it sees the end of its input at once */
	bool tty;
	bool no_streams; /* calls only */
	bool verbose;    /* say what was delivered, and compare it with the agent's counters */
	int lost_status; /* of a process whose agent has gone away, and nothing is said then; 0 = it is an error */

	/* for a process that runs already */
	bool is_late;    /* somebody may have read before us; without stdin its input stays open */
	bool take_over;  /* whoever is attached is let go */
	bool skip_taken; /* our stdin is the whole input: what was taken already is skipped */
	struct option_number have_out, have_err; /* bytes of output that we have from before */
};

/* The options that run, exec and attach share, for their tables. */
#define ATTACH_OPTIONS(spec)                                                                                            \
	{ OPTION_FLAG, 't', "tty", NULL, &(spec).tty, "give the process a terminal" },                                  \
		{ OPTION_FLAG, 'i', "interactive", NULL, &(spec).interactive, "pass our stdin to the process" },        \
		{ OPTION_FLAG, 'v', "verbose", NULL, &(spec).verbose, "say how many bytes were delivered, and check" }, \
	{                                                                                                               \
		OPTION_FLAG, 0, "no-streams", NULL, &(spec).no_streams, "do not use the agent's stream port"            \
	}

/*
 * Calls `method` with the request, which starts the process (NULL: it runs), and then serves it. Signals that come
 * meanwhile go to the process. The process's exit status, or SESSION_EXIT_CONTAINER to _NOT_FOUND after an error, which
 * has been printed.
 */
int attach_run(struct session *session, const struct attach_spec *spec, const char *method,
               const ProtobufCMessage *request);

/* The exit status for a process that the agent refused to make: 127 no such program, 126 not permitted, else 125. */
int attach_exit_status(const struct client_reply *reply);
