/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/command.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

static const struct command *const commands[] = {
	&cmd_create, &cmd_start, &cmd_run,    &cmd_exec,   &cmd_state,  &cmd_kill, &cmd_delete,   &cmd_list,
	&cmd_ps,     &cmd_pause, &cmd_resume, &cmd_update, &cmd_events, &cmd_spec, &cmd_features,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

void command_list(FILE *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(to, "   %-11s %s\n", commands[i]->name, commands[i]->summary);
}

void command_help(const struct command *command, FILE *to)
{
	(void)fprintf(to, "NAME:\n   runk %s - %s\n\nUSAGE:\n   runk %s [command options] %s\n\nOPTIONS:\n",
	              command->name, command->summary, command->name, command->operands);
	flags_print(command->options, to);
}

static int check_operands(const struct command *command, int argc, struct err *err)
{
	const char *how = command->min_operands == command->max_operands ? "exactly"
	                  : argc < command->min_operands                 ? "a minimum of"
	                                                                 : "a maximum of";
	bool too_many = command->max_operands >= 0 && argc > command->max_operands;

	if (argc >= command->min_operands && !too_many)
		return 0;
	return err_say(err, EINVAL, "runk: \"%s\" requires %s %d argument(s): %s", command->name, how,
	               too_many ? command->max_operands : command->min_operands, command->operands);
}

static bool wants_help(const struct command *command, int argc, char **argv)
{
	return argc > 0 && (strcmp(argv[0], "--help") == 0 || (strcmp(argv[0], "-h") == 0 && !command->stop));
}

int command_run(const struct command *command, const struct runk *runk, int argc, char **argv)
{
	alignas(max_align_t) char options[COMMAND_OPTIONS_MAX] = { 0 };
	struct err err = ERR_INIT;
	int r;

	if (wants_help(command, argc, argv)) {
		command_help(command, stdout);
		return 0;
	}
	if (command->size > sizeof(options))
		r = err_say(&err, EOVERFLOW, "the options of '%s' are too large", command->name);
	else
		r = flags_parse(command->options, options, command->stop, &argc, argv, &err);
	if (r == 0)
		r = check_operands(command, argc, &err);
	if (r < 0) {
		(void)fprintf(stderr, "Incorrect Usage, see 'runk %s --help'\n", command->name);
		runk_log_error(runk, &err);
		return RUNK_EXIT_FAILED;
	}
	r = command->run(runk, options, argc, argv, &err);
	for (const struct flag *o = command->options; o->name; o++)
		if (o->kind == FLAG_LIST)
			flag_list_done((struct flag_list *)(options + o->offset));
	if (r >= 0)
		return r;
	runk_log_error(runk, &err);
	return command->failed ? command->failed : RUNK_EXIT_FAILED;
}
