/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/command.h"
#include "runtime/configfile.h"

static const struct flag options[] = {
	{ "config", 0, FLAG_TEXT, offsetof(struct runtime, config), "configuration file" },
	{ "kata-config", 0, FLAG_TEXT, offsetof(struct runtime, config), "the same, as 1.x spelled it" },
	{ "debug", 0, FLAG_BOOL, offsetof(struct runtime, debug), "accepted" },
	{ "log", 0, FLAG_TEXT, offsetof(struct runtime, log), "file for errors, besides standard error" },
	{ "log-format", 0, FLAG_TEXT, offsetof(struct runtime, log_format), "text (default) or json" },
	{ "root", 0, FLAG_TEXT, offsetof(struct runtime, root),
	  "directory for sandboxes (default: /run/kata-runtime)" },
	{ "rootless", 0, FLAG_TEXT, offsetof(struct runtime, rootless), "accepted, if it is not true" },
	{ "criu", 0, FLAG_TEXT, offsetof(struct runtime, criu), "accepted; there is no checkpointing" },
	{ "systemd-cgroup", 0, FLAG_BOOL, offsetof(struct runtime, systemd_cgroup),
	  "accepted; the form of cgroupsPath tells" },
	{ "show-default-config-paths", 0, FLAG_BOOL, offsetof(struct runtime, show_paths),
	  "print where configuration files are looked for" },
	{ "kata-show-default-config-paths", 0, FLAG_BOOL, offsetof(struct runtime, show_paths), "the same" },
	{ "help", 'h', FLAG_BOOL, offsetof(struct runtime, help), "show this" },
	{ "version", 'v', FLAG_BOOL, offsetof(struct runtime, version), "print the version" },
	{ 0 },
};

static void help(FILE *to)
{
	(void)fputs("NAME:\n   kata-runtime - OCI command line for containers in virtual machines\n\n"
	            "USAGE:\n   kata-runtime [global options] command [command options] [arguments...]\n\nCOMMANDS:\n",
	            to);
	command_list(to);
	(void)fputs("\nGLOBAL OPTIONS:\n", to);
	flags_print(options, to);
}

static int fail(const char *why, const char *what)
{
	(void)fprintf(stderr, "kata-runtime: %s '%s', see 'kata-runtime --help'\n", why, what);
	return RUNTIME_EXIT_FAILED;
}

static int show_paths(void)
{
	char *path;

	for (size_t i = 0; (path = configfile_default_path(i)) != NULL; i++) {
		(void)puts(path);
		free(path);
	}
	return 0;
}

static int run(struct runtime *rt, int argc, char **argv)
{
	const struct command *command;
	struct err err = ERR_INIT;

	if (flags_parse(options, rt, true, &argc, argv, &err) < 0)
		return fail("Incorrect Usage:", err.text);
	if (rt->version) {
		(void)printf("kata-runtime : %s\n   OCI specs: 1.2.0\n", KATA_VERSION);
		return 0;
	}
	if (rt->show_paths)
		return show_paths();
	if (rt->help || argc == 0) {
		help(rt->help ? stdout : stderr);
		return rt->help ? 0 : RUNTIME_EXIT_FAILED;
	}
	command = command_find(argv[0]);
	if (!command)
		return fail(command_is_missing(argv[0]) ? "not done yet:" : "unknown command", argv[0]);
	if (runtime_init(rt, &err) < 0) {
		runtime_log_error(rt, &err);
		return RUNTIME_EXIT_FAILED;
	}
	return command_run(command, rt, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	struct runtime rt = { 0 };
	int status;

	(void)signal(SIGPIPE, SIG_IGN);
	/* Inherited as ignored, it would take our children's statuses away. */
	(void)signal(SIGCHLD, SIG_DFL);
	status = run(&rt, argc - (argc > 0), argv + (argc > 0));
	/* A result that could not be written is no success. */
	if (fflush(stdout) != 0 && status == 0)
		status = RUNTIME_EXIT_FAILED;
	return status;
}
