/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/jsontext.h"
#include "runtime/ask.h"
#include "runtime/command.h"
#include "runtime/view.h"

#define ASK_MS 70000

struct ps_options {
	const char *format;
};

static const struct flag options[] = {
	{ "format", 'f', FLAG_TEXT, offsetof(struct ps_options, format), "table (default) or json" },
	{ 0 },
};

/* The guest has no ps(1) whose options could be meant. */
static int check_operands(int argc, char **argv, struct err *err)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "-ef") != 0 && strcmp(argv[i], "ef") != 0)
			return err_say(err, EOPNOTSUPP, "ps '%s': only the columns of 'ps -ef' are there", argv[i]);
	return 0;
}

static void print_json(struct json_object *array)
{
	(void)fputs("[", stdout);
	for (size_t i = 0; i < json_object_array_length(array); i++)
		(void)printf("%s%" PRId64, i > 0 ? "," : "",
		             jsontext_number(json_object_array_get_idx(array, i), "pid"));
	(void)puts("]");
}

static void print_process(struct json_object *p)
{
	int64_t age = jsontext_number(p, "age_s"), cpu = jsontext_number(p, "cpu_ms"), s = cpu / 1000;
	time_t start = time(NULL) - age;
	char when[16];
	struct tm tm;

	(void)strftime(when, sizeof(when), age < 86400 ? "%H:%M" : "%b%d", localtime_r(&start, &tm));
	(void)printf("%-8" PRId64 " %7" PRId64 " %7" PRId64 " %2" PRId64 " %5s %-8s %02" PRId64 ":%02" PRId64
	             ":%02" PRId64 " %s\n",
	             jsontext_number(p, "uid"), jsontext_number(p, "pid"), jsontext_number(p, "ppid"),
	             age > 0 ? cpu / 10 / age : 0, when, jsontext_text(p, "tty"), s / 3600, s / 60 % 60, s % 60,
	             jsontext_text(p, "command"));
}

static void print_table(struct json_object *array)
{
	(void)puts("UID          PID    PPID  C STIME TTY          TIME CMD");
	for (size_t i = 0; i < json_object_array_length(array); i++)
		print_process(json_object_array_get_idx(array, i));
}

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	const struct ps_options *o = arg;
	const char *format = o->format ? o->format : "table";
	_autojson_ struct json_object *request = ask_new("ps", argv[0]), *answer = NULL;
	_autoview_ struct view v = { .sandbox = NULL };
	bool is_json = strcmp(format, "json") == 0;
	struct json_object *array;
	int r;

	if (!is_json && strcmp(format, "table") != 0)
		return err_say(err, EINVAL, "invalid format option '%s'", format);
	r = check_operands(argc, argv, err);
	if (r == 0)
		r = view_open_running(rt->root, argv[0], &v, err);
	if (r == 0)
		r = view_ask(rt->root, &v, request, ASK_MS, &answer, err);
	if (r < 0)
		return r;
	if (!answer || !json_object_object_get_ex(answer, "processes", &array) ||
	    !json_object_is_type(array, json_type_array))
		return err_say(err, EPROTO, "ps container '%s': the agent did not send a list", argv[0]);
	if (is_json)
		print_json(array);
	else
		print_table(array);
	return 0;
}

const struct command cmd_ps = {
	"ps",
	"<container-id> [-ef]",
	"list the processes of a container, as the guest numbers them",
	1,
	-2,
	options,
	sizeof(struct ps_options),
	run,
};
