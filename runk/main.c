/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/selfexec.h"
#include "runk/command.h"
#include "runk/runk.h"

static const struct flag options[] = {
	{ "debug", 0, FLAG_BOOL, offsetof(struct runk, debug), "accepted, we say all there is to say anyway" },
	{ "log", 0, FLAG_TEXT, offsetof(struct runk, log), "file for errors (default: standard error)" },
	{ "log-format", 0, FLAG_TEXT, offsetof(struct runk, log_format), "text (default) or json" },
	{ "root", 0, FLAG_TEXT, offsetof(struct runk, root), "directory for states, in a tmpfs (default: /run/runk)" },
	{ "criu", 0, FLAG_TEXT, offsetof(struct runk, criu), "accepted; there is no checkpointing" },
	{ "cgroup-manager", 0, FLAG_TEXT, offsetof(struct runk, cgroup_manager),
	  "cgroupfs (default), systemd or disabled" },
	{ "systemd-cgroup", 0, FLAG_BOOL, offsetof(struct runk, systemd_cgroup), "let systemd make the cgroups" },
	{ "rootless", 0, FLAG_TEXT, offsetof(struct runk, rootless), "true, false or auto (default)" },
	{ "help", 'h', FLAG_BOOL, offsetof(struct runk, help), "show this" },
	{ "version", 'v', FLAG_BOOL, offsetof(struct runk, version), "print the version" },
	{ 0 },
};

static void help(FILE *to)
{
	(void)fputs("NAME:\n   runk - OCI container runtime over the Kata agent's container core\n\n"
	            "USAGE:\n   runk [global options] command [command options] [arguments...]\n\nCOMMANDS:\n",
	            to);
	command_list(to);
	(void)fputs("\nGLOBAL OPTIONS:\n", to);
	flags_print(options, to);
}

static int usage_error(const char *why, const char *what)
{
	(void)fprintf(stderr, "runk: %s '%s', see 'runk --help'\n", why, what);
	return RUNK_EXIT_FAILED;
}

/* What a container starts as is this program, which it must not be able to write (CVE-2019-5736). */
static int seal(const struct command *command, char *const all[], struct err *err)
{
	bool makes_processes = command == &cmd_create || command == &cmd_run || command == &cmd_exec;

	return makes_processes ? selfexec_seal(SELFEXEC_ANY, all, environ, err) : 0;
}

/* `all` is the whole command line, which the parsers leave alone. */
static int run(struct runk *runk, int argc, char **argv, char *const all[])
{
	const struct command *command;
	struct err err = ERR_INIT;

	if (flags_parse(options, runk, true, &argc, argv, &err) < 0)
		return usage_error("Incorrect Usage:", err.text);
	if (runk->version) {
		(void)printf("runk version %s\nspec: %s\n", KATA_VERSION, RUNK_SPEC_VERSION);
		return 0;
	}
	if (runk->help || (argc > 0 && strcmp(argv[0], "help") == 0)) {
		command = argc > 1 ? command_find(argv[1]) : NULL;
		if (command)
			command_help(command, stdout);
		else
			help(stdout);
		return 0;
	}
	if (argc == 0) {
		help(stderr);
		return RUNK_EXIT_FAILED;
	}
	command = command_find(argv[0]);
	if (!command)
		return usage_error("No help topic for", argv[0]);
	if (seal(command, all, &err) < 0 || runk_init(runk, &err) < 0) {
		runk_log_error(runk, &err);
		return RUNK_EXIT_FAILED;
	}
	return command_run(command, runk, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	_autofree_ char **all = calloc((size_t)argc + 1, sizeof(*all));
	_autoarena_ struct arena arena = { 0 };
	struct runk runk = { .arena = &arena };
	int status;

	if (!all)
		return RUNK_EXIT_FAILED;
	memcpy(all, argv, (size_t)argc * sizeof(*all));

	/* A reader of our output who goes away is an error of a write. The child gets its own handlers. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* Inherited as ignored, it would take our children's statuses away. */
	(void)signal(SIGCHLD, SIG_DFL);
	status = run(&runk, argc - (argc > 0), argv + (argc > 0), all);
	/* A result that could not be written is no success. */
	if (fflush(stdout) != 0 && status == 0)
		status = RUNK_EXIT_FAILED;
	return status;
}
