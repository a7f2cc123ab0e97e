/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/prompt.h"

#include <editline/readline.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROMPT       "Enter command: "
#define HISTORY_NAME ".kata-agent-ctl_history"
#define HISTORY_MAX  1000

/* The library asks again and again for the next name; where we are stays between its calls, as it wants it. */
static char *next_name(const char *text, int is_again)
{
	static size_t index;
	const char *name;

	if (!is_again)
		index = 0;
	while ((name = script_name_at(index)) != NULL) {
		index++;
		if (strncasecmp(name, text, strlen(text)) == 0)
			return strdup(name);
	}
	return NULL;
}

static char **complete(const char *text, int start, int end)
{
	(void)end;
	/* Behind the command's name there is nothing that we know. */
	rl_attempted_completion_over = 1;
	return start == 0 ? rl_completion_matches(text, next_name) : NULL;
}

static char *history_path(void)
{
	const char *home = getenv("HOME");
	char *path;

	if (!home || home[0] != '/' || asprintf(&path, "%s/%s", home, HISTORY_NAME) < 0)
		return NULL;
	return path;
}

static void start_editing(const char *history)
{
	rl_readline_name = "kata-agent-ctl";
	/* Results are on stdout, and may go to a file. */
	rl_outstream = stderr;
	rl_attempted_completion_function = complete;
	using_history();
	stifle_history(HISTORY_MAX);
	if (history)
		(void)read_history(history);
}

/* Written after each line: what was typed before a crash is what one wants to have again. */
static void remember_line(const char *line, const char *history)
{
	const HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
	mode_t old;

	if (line[strspn(line, " \t")] == '\0' || (last && strcmp(last->line, line) == 0))
		return;
	(void)add_history(line);
	if (!history)
		return;
	old = umask(077);
	(void)write_history(history);
	(void)umask(old);
}

/* What a signal handler can reach. */
static volatile sig_atomic_t is_interrupted;

static void note_interrupt(int signal_number)
{
	(void)signal_number;
	is_interrupted = 1;
}

/* Ctrl-C at the prompt drops the line; while a call is under way it ends the program, as everywhere. */
static char *read_line(void)
{
	struct sigaction drop = { .sa_handler = note_interrupt }, old;
	char *line = NULL;

	do {
		is_interrupted = 0;
		(void)sigaction(SIGINT, &drop, &old);
		line = readline(PROMPT);
		(void)sigaction(SIGINT, &old, NULL);
		if (!line)
			(void)fprintf(stderr, "\n");
	} while (!line && is_interrupted);
	return line;
}

static int run_terminal(struct script *script)
{
	_autofree_ char *history = history_path();
	int status = CTL_EXIT_OK;

	start_editing(history);
	script_list(stderr, true);
	while (!script->is_over) {
		_autofree_ char *line = read_line();

		if (!line)
			break;
		remember_line(line, history);
		status = script_run(script, line);
		/* The next command may find a new agent there. */
		if (status == CTL_EXIT_CONNECTION) {
			ctl_done(script->ctl);
			script->is_over = false;
		}
	}
	return status;
}

static int run_lines(struct script *script)
{
	_autofree_ char *line = NULL;
	size_t size = 0;
	int status = CTL_EXIT_OK;

	while (!script->is_over && getline(&line, &size, stdin) >= 0) {
		status = script_run(script, line);
		if (status != CTL_EXIT_OK && (!script->ignore_errors || script->is_over))
			return status;
	}
	return CTL_EXIT_OK;
}

int prompt_run(struct script *script)
{
	return isatty(STDIN_FILENO) ? run_terminal(script) : run_lines(script);
}
