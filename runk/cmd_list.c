/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "runk/command.h"
#include "runk/state.h"

struct list_options {
	const char *format;
	bool quiet;
};

static const struct flag options[] = {
	{ "format", 'f', FLAG_TEXT, offsetof(struct list_options, format), "table (default) or json" },
	{ "quiet", 'q', FLAG_BOOL, offsetof(struct list_options, quiet), "ids only" },
	{ 0 },
};

struct listing {
	bool json, quiet;
	size_t n;
	struct err *err;
};

static void print_row(const struct state *s, struct listing *l)
{
	enum state_status status = state_status(s);
	const struct passwd *user = getpwuid(s->owner);

	if (l->n == 0)
		(void)printf("%-24s %-11s %-11s %-35s %-31s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
	(void)printf("%-24s %-11d %-11s %-35s %-31s %s\n", s->id, status == STATE_STOPPED ? 0 : (int)s->pid,
	             state_status_name(status), s->bundle ? s->bundle : "", s->created ? s->created : "",
	             user ? user->pw_name : "");
}

static int print_json(const struct state *s, const struct listing *l)
{
	_autobuf_ struct buf text = BUF_INIT;
	int r = state_format(s, false, &text);

	if (r == 0)
		(void)printf("%s%s", l->n == 0 ? "[" : ",", buf_str(&text));
	return r;
}

static int print_one(const struct runk *runk, const char *id, void *arg)
{
	_autostate_ struct state s = STATE_INIT;
	struct listing *l = arg;
	struct err why = ERR_INIT;
	int r = state_open(runk, id, false, &s, &why);

	if (r == -ENOENT) /* gone meanwhile */
		return 0;
	if (r < 0) {
		runk_log_warning(runk, "%s", why.text);
		return 0;
	}
	if (l->quiet)
		(void)puts(s.id);
	else if (l->json)
		r = print_json(&s, l);
	else
		print_row(&s, l);
	l->n++;
	return r < 0 ? err_set(l->err, r, "print the state of container '%s'", id) : 0;
}

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	const struct list_options *o = arg;
	const char *format = o->format ? o->format : "table";
	struct listing l = { .json = strcmp(format, "json") == 0, .quiet = o->quiet, .err = err };
	int r;

	(void)argc;
	(void)argv;
	if (!l.json && strcmp(format, "table") != 0)
		return err_say(err, EINVAL, "invalid format option '%s'", format);
	r = state_list(runk, print_one, &l, err);
	if (r < 0 || l.quiet)
		return r;
	if (l.json)
		(void)puts(l.n == 0 ? "null" : "]");
	else if (l.n == 0)
		(void)puts("ID          PID         STATUS      BUNDLE      CREATED     OWNER");
	return 0;
}

const struct command cmd_list = {
	"list", "", "list the containers", 0, 0, false, options, sizeof(struct list_options), run, 0,
};
