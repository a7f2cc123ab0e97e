/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/spawn.h"
#include "lib/sys.h"
#include "runk/command.h"
#include "runk/groups.h"
#include "runk/state.h"

struct ps_options {
	const char *format;
};

static const struct flag options[] = {
	{ "format", 'f', FLAG_TEXT, offsetof(struct ps_options, format), "table (default) or json" },
	{ 0 },
};

#define PS_OUTPUT_MAX (64 << 20)

static int collect(pid_t pid, void *arg)
{
	return buf_add(arg, &pid, sizeof(pid));
}

static int find_pids(const struct runk *runk, const char *id, struct buf *pids, struct err *err)
{
	_autostate_ struct state s = STATE_INIT;
	struct groups g;
	int r = state_open(runk, id, false, &s, err);

	if (r == 0)
		r = groups_open(runk, &s, "list the processes of", &g, err);
	return r < 0 ? r : groups_each(&g, &s, collect, pids, err);
}

static bool is_ours(const struct buf *pids, pid_t pid)
{
	const pid_t *v = (const pid_t *)pids->data;

	for (size_t i = 0; i < pids->len / sizeof(*v); i++)
		if (v[i] == pid)
			return true;
	return false;
}

static void print_json(const struct buf *pids)
{
	const pid_t *v = (const pid_t *)pids->data;

	(void)fputs("[", stdout);
	for (size_t i = 0; i < pids->len / sizeof(*v); i++)
		(void)printf("%s%d", i > 0 ? "," : "", (int)v[i]);
	(void)puts("]");
}

static int read_all(int fd, struct buf *out)
{
	out->max = PS_OUTPUT_MAX;
	for (;;) {
		int r = buf_reserve(out, 4096);
		ssize_t n = r < 0 ? r : sys_read(fd, out->data + out->len, 4096);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		buf_commit(out, (size_t)n);
	}
}

/* What ps(1) prints of all processes. */
static int run_ps(int argc, char **argv, struct buf *out, struct err *err)
{
	static char name[] = "ps", all[] = "-ef";
	char *plain[] = { name, all, NULL };
	_autofree_ char **args = calloc((size_t)argc + 2, sizeof(char *));
	_autoclose_ int ours = -EBADF, theirs = -EBADF, pidfd = -EBADF;
	struct spawn_spec spec = { .path = "/bin/ps", .env = environ, .stdio = { -EBADF, -EBADF, 2 } };
	int pipe[2], r = args ? sys_pipe2(pipe, O_CLOEXEC) : -ENOMEM;

	if (r < 0)
		return err_set(err, r, "run 'ps'");
	ours = pipe[0];
	theirs = pipe[1];
	args[0] = name;
	memcpy(args + 1, argv, (size_t)argc * sizeof(char *));
	spec.argv = argc > 0 ? args : plain;
	spec.stdio[1] = theirs;
	r = spawn_run(&spec, &pidfd, err);
	if (r < 0)
		return r;
	fd_closep(&theirs);
	r = read_all(ours, out);
	if (r < 0)
		return err_set(err, r, "read what 'ps' says");
	r = spawn_wait(pidfd, -1);
	return r == 0 ? 0 : err_say(err, EIO, "'ps' ended with status %d", r);
}

/* The number of the word "PID" in the title, -1 if there is none. */
static int pid_column(const char *title, size_t len)
{
	int column = 0;

	for (const char *p = title; p < title + len; column++) {
		size_t word;

		p += strspn(p, " \t");
		word = strcspn(p, " \t\n");
		if (word == 3 && memcmp(p, "PID", 3) == 0)
			return column;
		p += word;
	}
	return -1;
}

static pid_t pid_in(const char *line, int column)
{
	const char *p = line + strspn(line, " \t");

	for (; column > 0; column--) {
		p += strcspn(p, " \t\n");
		p += strspn(p, " \t");
	}
	return (pid_t)strtol(p, NULL, 10);
}

static int print_table(const struct buf *pids, int argc, char **argv, struct err *err)
{
	_autobuf_ struct buf text = BUF_INIT;
	int r = run_ps(argc, argv, &text, err), column = -1;
	const char *line = buf_str(&text);

	for (bool is_title = true; r == 0 && *line; is_title = false) {
		size_t len = strcspn(line, "\n");

		if (is_title)
			column = pid_column(line, len);
		if (column < 0)
			return err_say(err, EINVAL, "ps prints no PID column with these options");
		if (is_title || is_ours(pids, pid_in(line, column)))
			(void)printf("%.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
	return r;
}

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	const struct ps_options *o = arg;
	const char *format = o->format ? o->format : "table";
	_autobuf_ struct buf pids = BUF_INIT;
	bool is_json = strcmp(format, "json") == 0;
	int r;

	if (!is_json && strcmp(format, "table") != 0)
		return err_say(err, EINVAL, "invalid format option '%s'", format);
	r = find_pids(runk, argv[0], &pids, err);
	if (r < 0)
		return r;
	if (is_json) {
		print_json(&pids);
		return 0;
	}
	return print_table(&pids, argc - 1, argv + 1, err);
}

const struct command cmd_ps = {
	"ps",
	"<container-id> [ps options]",
	"list the processes of a container",
	1,
	-1,
	true,
	options,
	sizeof(struct ps_options),
	run,
	0,
};
