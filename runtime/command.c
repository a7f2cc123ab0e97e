/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/command.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

static const struct command *const commands[] = {
	&cmd_create,   &cmd_start, &cmd_run,   &cmd_state,   &cmd_kill,   &cmd_delete, &cmd_list,
	&cmd_exec,     &cmd_ps,    &cmd_pause, &cmd_resume,  &cmd_update, &cmd_events, &cmd_spec,
	&cmd_features, &cmd_check, &cmd_env,   &cmd_metrics, &cmd_pack,   &cmd_stdio,  &cmd_supervise,
};

static const char *const missing[] = { "checkpoint", "restore" };

/* As 1.x spelled them. */
static const struct {
	const char *name, *means;
} aliases[] = {
	{ "kata-check", "check" },
	{ "kata-env", "env" },
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (strcmp(aliases[i].name, name) == 0)
			name = aliases[i].means;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

bool command_is_missing(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		if (strcmp(missing[i], name) == 0)
			return true;
	return false;
}

void command_list(FILE *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i]->summary)
			(void)fprintf(to, "   %-11s %s\n", commands[i]->name, commands[i]->summary);
	(void)fputs("\nNOT DONE YET:\n  ", to);
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		(void)fprintf(to, " %s", missing[i]);
	(void)fputc('\n', to);
}

static void help(const struct command *command)
{
	(void)printf("NAME:\n   kata-runtime %s - %s\n\nUSAGE:\n   kata-runtime %s [command options] %s\n\nOPTIONS:\n",
	             command->name, command->summary ? command->summary : "for ourselves", command->name,
	             command->operands);
	flags_print(command->options, stdout);
}

static int check_operands(const struct command *command, int argc, struct err *err)
{
	if (argc < command->min_operands)
		return err_say(err, EINVAL, "\"%s\" requires at least %d argument(s): %s", command->name,
		               command->min_operands, command->operands);
	if (command->max_operands >= 0 && argc > command->max_operands)
		return err_say(err, EINVAL, "\"%s\" takes at most %d argument(s): %s", command->name,
		               command->max_operands, command->operands);
	return 0;
}

int command_run(const struct command *command, const struct runtime *rt, int argc, char **argv)
{
	alignas(max_align_t) char options[COMMAND_OPTIONS_MAX] = { 0 };
	struct err err = ERR_INIT;
	int r;

	if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
		help(command);
		return 0;
	}
	r = flags_parse(command->options, options, command->max_operands == -2, &argc, argv, &err);
	if (r == 0)
		r = check_operands(command, argc, &err);
	if (r == 0)
		r = command->run(rt, options, argc, argv, &err);
	if (r >= 0)
		return r;
	runtime_log_error(rt, &err);
	return RUNTIME_EXIT_FAILED;
}
