/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/runtime.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/jsontext.h"
#include "lib/mem.h"
#include "runtime/place.h"

int runtime_init(struct runtime *rt, struct err *err)
{
	if (rt->log_format && strcmp(rt->log_format, "text") != 0 && strcmp(rt->log_format, "json") != 0)
		return err_say(err, EINVAL, "unknown log-format \"%s\"", rt->log_format);
	if (rt->rootless && strcmp(rt->rootless, "true") == 0)
		return err_say(err, EOPNOTSUPP, "--rootless: a VM needs root");
	if (!rt->root)
		rt->root = PLACE_ROOT;
	if (rt->root[0] != '/')
		return err_say(err, EINVAL, "--root '%s': not an absolute path", rt->root);
	return 0;
}

static void write_line(FILE *to, bool json, const char *level, const char *text)
{
	_autojson_ struct json_object *line = json_object_new_object();
	time_t now = time(NULL);
	struct tm tm;
	char when[40];

	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	if (!json) {
		(void)fprintf(to, "time=\"%s\" level=%s msg=\"%s\"\n", when, level, text);
	} else if (line) {
		(void)json_object_object_add(line, "level", json_object_new_string(level));
		(void)json_object_object_add(line, "msg", json_object_new_string(text));
		(void)json_object_object_add(line, "time", json_object_new_string(when));
		(void)fprintf(
			to, "%s\n",
			json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
}

/* To the log alone: what goes wrong there must not become the verb's failure. */
static void write_log(const struct runtime *rt, const char *level, const char *text)
{
	FILE *log = rt->log ? fopen(rt->log, "ae") : NULL;

	if (!log)
		return;
	write_line(log, rt->log_format && strcmp(rt->log_format, "json") == 0, level, text);
	(void)fclose(log);
}

void runtime_log(const struct runtime *rt, const char *level, const char *fmt, ...)
{
	_autofree_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	else
		write_log(rt, level, text);
}

void runtime_log_error(const struct runtime *rt, const struct err *err)
{
	write_log(rt, "error", err_text(err));
	(void)fprintf(stderr, "kata-runtime: %s\n", err_text(err));
}
