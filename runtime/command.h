/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of verbs; adding one is a file cmd_<verb>.c and two lines here and in command.c.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "lib/flags.h"
#include "runtime/runtime.h"

struct command {
	const char *name, *operands, *summary;
	int min_operands, max_operands; /* -1 = any number, -2 = and the first one ends the options */
	const struct flag *options;
	size_t size; /* of the struct that the options fill, at most COMMAND_OPTIONS_MAX */
	/* Returns the exit status (0 and above), or -errno with the reason. */
	int (*run)(const struct runtime *rt, void *options, int argc, char **argv, struct err *err);
};

#define COMMAND_OPTIONS_MAX 512

extern const struct command cmd_create, cmd_delete, cmd_events, cmd_exec, cmd_features, cmd_kill, cmd_list, cmd_pause;
extern const struct command cmd_ps, cmd_resume, cmd_run, cmd_spec, cmd_start, cmd_state, cmd_update;
extern const struct command cmd_check, cmd_env, cmd_metrics;
extern const struct command cmd_pack, cmd_stdio, cmd_supervise; /* for ourselves */

/* The verb of that name, or NULL. */
const struct command *command_find(const char *name);

/* True for a verb that users of such runtimes know and that is not done yet. */
bool command_is_missing(const char *name);

/* Prints all verbs with their summaries. */
void command_list(FILE *to);

/* Parses the verb's options and runs it; the exit status. */
int command_run(const struct command *command, const struct runtime *rt, int argc, char **argv);
