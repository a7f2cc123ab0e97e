/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Did every byte of a process's stdio arrive? Compares what a client has with the counters of an agent of this project
 * (GetDiagnosticData "containers"). Carries nothing itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/session.h"

/* Bytes since the process began. */
struct delivery {
	const char *cid, *eid;
	uint64_t out, err; /* that we have written */
	uint64_t in;       /* that the process has taken, as far as we were told */
	bool has_in;
};

/* Prints "stdout: delivered N of N bytes" and the like on stderr; an exit status, SESSION_EXIT_FAILED if they disagree.
 */
int delivery_check(struct session *session, const struct delivery *d);
