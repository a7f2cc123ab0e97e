/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the suites against an agent and reports: one row per case, then the coverage by method. Knows no case.
 */
#pragma once

#include "ctl/conformance/process.h"

struct conform_options {
	const char *only; /* a glob over the names of cases, NULL = all */
	bool json, list, strict;
};

/* How often a method was called, and what its cases came to. */
struct conform_count {
	struct client_method method;
	unsigned calls, positive, negative, failed;
};

/* Prepares the guest, runs what is asked for, and prints; an exit status. */
int conform_run_suites(struct conform *c, const struct conform_options *o);

/* Makes the sandbox and the root file system; false: c->why says why not. */
bool conform_prepare(struct conform *c);
