/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/logline.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/jsontext.h"

#define NAME   "kata-runtime"
#define SOURCE "runtime"

static int format_json(const char *when, const char *level, const char *text, struct buf *out)
{
	_autojson_ struct json_object *line = json_object_new_object();

	if (!line || json_object_object_add(line, "level", json_object_new_string(level)) != 0 ||
	    json_object_object_add(line, "msg", json_object_new_string(text)) != 0 ||
	    json_object_object_add(line, "name", json_object_new_string(NAME)) != 0 ||
	    json_object_object_add(line, "pid", json_object_new_int(getpid())) != 0 ||
	    json_object_object_add(line, "source", json_object_new_string(SOURCE)) != 0 ||
	    json_object_object_add(line, "time", json_object_new_string(when)) != 0)
		return -ENOMEM;
	return buf_printf(
		out, "%s\n",
		json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* What a line or a quoted word would end at. */
static int quote(const char *text, struct buf *out)
{
	int r = 0;

	for (const char *p = text; r == 0 && *p; p++) {
		if (*p == '"' || *p == '\\')
			r = buf_printf(out, "\\%c", *p);
		else if (*p == '\n')
			r = buf_printf(out, "\\n");
		else if ((unsigned char)*p < ' ' || *p == 0x7f)
			r = buf_printf(out, "\\x%02x", (unsigned)(unsigned char)*p);
		else
			r = buf_add(out, p, 1);
	}
	return r;
}

static int format_text(const char *when, const char *level, const char *text, struct buf *out)
{
	int r = buf_printf(out, "time=\"%s\" level=%s msg=\"", when, level);

	if (r == 0)
		r = quote(text, out);
	return r < 0 ? r : buf_printf(out, "\" name=" NAME " pid=%d source=" SOURCE "\n", (int)getpid());
}

int logline_format(bool is_json, const char *level, const char *text, struct buf *out)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[40] = "";

	if (gmtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return is_json ? format_json(when, level, text, out) : format_text(when, level, text, out);
}

/* --- the system's log -------------------------------------------------------------------------------------------- */

static void send_to_syslog(int priority, const char *text, size_t len)
{
	openlog(NAME, LOG_PID, LOG_USER);
	syslog(priority, "%.*s", (int)len, text);
	closelog();
}

void logline_to_syslog(const char *level, const char *text)
{
	int priority = strcmp(level, "error") == 0 ? LOG_ERR : strcmp(level, "warning") == 0 ? LOG_WARNING : LOG_INFO;
	_autobuf_ struct buf line = BUF_INIT;

	if (logline_format(false, level, text, &line) == 0)
		send_to_syslog(priority, buf_str(&line), line.len - 1);
}

void logline_sink(void *arg, enum log_level level, const char *line, size_t len)
{
	static const int priorities[LOG_LEVEL_MAX] = { LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_DEBUG };

	(void)arg;
	if (write(STDERR_FILENO, line, len) < 0)
		send_to_syslog(LOG_ERR, "the supervisor's own log cannot be written", 42);
	send_to_syslog(level >= 0 && level < LOG_LEVEL_MAX ? priorities[level] : LOG_INFO, line,
	               len > 0 && line[len - 1] == '\n' ? len - 1 : len);
}
