/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command.h"

#include <string.h>

static const struct ctl_command *const commands[] = {
	&cmd_check,    &cmd_wait_ready, &cmd_methods,     &cmd_call,    &cmd_run,          &cmd_exec,
	&cmd_attach,   &cmd_ps,         &cmd_kill,        &cmd_stats,   &cmd_update,       &cmd_pause,
	&cmd_resume,   &cmd_rm,         &cmd_destroy,     &cmd_connect, &cmd_generate_cid, &cmd_generate_sid,
	&cmd_examples, &cmd_console,    &cmd_conformance,
};

const struct ctl_command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

void command_list(FILE *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
}
