/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/jsontext.h"
#include "runtime/command.h"
#include "runtime/place.h"
#include "runtime/view.h"

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
	const char *root;
	bool quiet;
	struct json_object *all; /* NULL = a table */
};

static struct json_object *row(const char *id, const struct view *v, const char *created)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	(void)json_object_object_add(o, "id", json_object_new_string(id));
	(void)json_object_object_add(o, "pid", json_object_new_int(v->pid));
	(void)json_object_object_add(o, "status", json_object_new_string(v->status));
	(void)json_object_object_add(o, "bundle", json_object_new_string(jsontext_text(v->container, "bundle")));
	(void)json_object_object_add(o, "created", json_object_new_string(created));
	return o;
}

static int print_one(void *arg, const char *id, const char *sandbox)
{
	struct listing *l = arg;
	_autoview_ struct view v = { .sandbox = NULL };
	char created[32] = "";
	struct tm tm;
	time_t when;

	(void)sandbox;
	/* One that goes away meanwhile is no error. */
	if (view_open(l->root, id, &v, NULL) < 0)
		return 0;
	when = (time_t)jsontext_number(v.container, "created");
	if (when > 0)
		(void)strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &tm));
	if (l->quiet)
		(void)puts(id);
	else if (l->all)
		return json_object_array_add(l->all, row(id, &v, created)) == 0 ? 0 : -ENOMEM;
	else
		(void)printf("%-12s %-8d %-10s %s %s\n", id, (int)v.pid, v.status, jsontext_text(v.container, "bundle"),
		             created);
	return 0;
}

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	const struct list_options *o = arg;
	_autojson_ struct json_object *all = NULL;
	struct listing l = { .root = rt->root, .quiet = o->quiet };
	int r;

	(void)argc;
	(void)argv;
	if (o->format && strcmp(o->format, "json") == 0)
		l.all = all = json_object_new_array();
	else if (o->format && strcmp(o->format, "table") != 0)
		return err_say(err, EINVAL, "invalid format option '%s'", o->format);
	else if (!o->quiet)
		(void)puts("ID           PID      STATUS     BUNDLE CREATED");
	r = place_list(rt->root, print_one, &l, err);
	if (r == 0 && all)
		(void)puts(
			json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	return r;
}

const struct command cmd_list = {
	"list", "", "list the containers", 0, 0, options, sizeof(struct list_options), run,
};
