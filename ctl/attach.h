/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stdio of a process in a container: starts the process, carries our fds 0 to 2, signals and window size there and
 * back until it has exited and all its output is written, and tells its exit status. Does not create or remove
 * anything.
 */
#pragma once

#include "ctl/ctl.h"

struct attach_spec {
	const char *cid, *eid; /* eid = cid for the container's first process */
	bool interactive;      /* our stdin goes to the process; else it sees the end of its input at once */
	bool tty;
};

/*
 * Calls `method` with the request, which starts the process, and then serves it. Signals that come meanwhile go to the
 * process. The process's exit status, or CTL_EXIT_CONTAINER to _NOT_FOUND after an error, which has been printed.
 */
int attach_run(struct ctl *ctl, const struct attach_spec *spec, const char *method, const ProtobufCMessage *request);

/* The exit status for a process that the agent refused to make: 127 no such program, 126 not permitted, else 125. */
int attach_exit_status(const struct client_reply *reply);
