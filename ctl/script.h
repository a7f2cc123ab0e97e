/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the commands of `connect`, one after the other: built-ins, and calls of the agent whose requests are made from
 * JSON, NAME=VALUE words and automatic values. Results go to stdout as a line of JSON each, what went wrong to stderr.
 * The struct is the caller's; it knows nothing of options and terminals.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/values.h"

struct script {
	struct ctl *ctl; /* its timeout is the calls' */
	struct values values;
	const char *bundle_dir; /* or NULL */
	bool auto_values, ignore_errors;
	int64_t repeat; /* how often the next command runs, -1 = for ever */
	bool is_over;   /* `quit`, or the sandbox is gone, or there is no connection any more: run nothing more */
};

#define SCRIPT_INIT                                                                                                    \
	{                                                                                                              \
		.auto_values = true, .repeat = 1                                                                       \
	}

/* Connects unless it has, and tries again for some seconds while a guest does not listen yet; an exit status. */
int script_open(struct script *s);

/* Runs one line, as often as a `repeat` before it said; an exit status, of the last time that it ran. */
int script_run(struct script *s, const char *text);

/* Runs lines until one fails (unless errors are ignored) or it is over; an exit status. */
int script_run_all(struct script *s, const char *const *lines, size_t n);

/* Prints the commands, or names alone. */
void script_list(FILE *to, bool names_only);

/* The name of the command of that index, built-ins first; NULL behind the last one. */
const char *script_name_at(size_t index);

/* Frees what it remembers. */
void script_done(struct script *s);
