/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of verbs; adding one is a file cmd_<verb>.c and two lines here and in command.c.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "lib/flags.h"
#include "runk/runk.h"

struct command {
	const char *name, *operands, *summary;
	int min_operands, max_operands; /* -1 = any number */
	bool stop;                      /* the first operand ends the options */
	const struct flag *options;
	size_t size; /* of the struct that the options fill, at most COMMAND_OPTIONS_MAX */
	/* Returns the exit status (0 and above), or -errno with the reason. */
	int (*run)(const struct runk *runk, void *options, int argc, char **argv, struct err *err);
	int failed; /* exit status of a failure, 0 = RUNK_EXIT_FAILED */
};

#define COMMAND_OPTIONS_MAX 512

extern const struct command cmd_create, cmd_delete, cmd_events, cmd_exec, cmd_features, cmd_kill, cmd_list, cmd_pause;
extern const struct command cmd_ps, cmd_resume, cmd_run, cmd_spec, cmd_start, cmd_state, cmd_update;

/* The verb of that name, or NULL. */
const struct command *command_find(const char *name);

/* Prints all verbs with their summaries. */
void command_list(FILE *to);

/* Prints the help of one verb. */
void command_help(const struct command *command, FILE *to);

/* Parses the verb's options and runs it; the exit status. */
int command_run(const struct command *command, const struct runk *runk, int argc, char **argv);
