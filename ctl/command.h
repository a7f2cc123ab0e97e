/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of subcommands; adding one is a file cmd_<verb>.c and two lines here and in command.c.
 */
#pragma once

#include <stdio.h>

#include "ctl/ctl.h"

extern const struct ctl_command cmd_call, cmd_check, cmd_methods, cmd_wait_ready;
extern const struct ctl_command cmd_run, cmd_exec, cmd_attach, cmd_ps, cmd_kill, cmd_stats, cmd_rm, cmd_pause,
	cmd_resume;
extern const struct ctl_command cmd_conformance, cmd_console, cmd_update, cmd_destroy;
extern const struct ctl_command cmd_connect, cmd_examples, cmd_generate_cid, cmd_generate_sid;

/* The subcommand of that name, or NULL. */
const struct ctl_command *command_find(const char *name);

/* Prints all subcommands with their summaries. */
void command_list(FILE *to);
