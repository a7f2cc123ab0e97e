/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "lib/sys.h"
#include "lib/utf8.h"

#define MESSAGE_MAX 4096        /* bytes of the text, longer ones are cut */
#define RECORD_MAX  (64 * 1024) /* a record that would get longer is dropped */

_Static_assert(LOG_LEVEL_INVALID == -EINVAL, "see log.h");

/* The logger is process-wide by nature: an error deep in lib/ has no object to reach it through. */
static struct {
	log_sink sink;
	void *arg;
	enum log_level level;
	const char *name, *source;
	unsigned long dropped;
} logger = { .level = LOG_LEVEL_INFO, .name = "kata-agent", .source = "agent" };

static const char *const level_words[LOG_LEVEL_MAX] = {
	[LOG_LEVEL_CRITICAL] = "CRIT", [LOG_LEVEL_ERROR] = "ERRO", [LOG_LEVEL_WARNING] = "WARN",
	[LOG_LEVEL_INFO] = "INFO",     [LOG_LEVEL_DEBUG] = "DEBG", [LOG_LEVEL_TRACE] = "TRCE",
};

void log_set_sink(log_sink sink, void *arg)
{
	logger.sink = sink;
	logger.arg = arg;
}

void log_set_name(const char *name, const char *source)
{
	logger.name = name;
	logger.source = source;
}

void log_set_level(enum log_level level)
{
	logger.level = level;
}

enum log_level log_get_level(void)
{
	return logger.level;
}

unsigned long log_dropped(void)
{
	return logger.dropped;
}

int log_level_parse(const char *text)
{
	static const struct {
		const char *word;
		enum log_level level;
	} words[] = {
		{ "critical", LOG_LEVEL_CRITICAL }, { "fatal", LOG_LEVEL_CRITICAL }, { "panic", LOG_LEVEL_CRITICAL },
		{ "error", LOG_LEVEL_ERROR },       { "warn", LOG_LEVEL_WARNING },   { "warning", LOG_LEVEL_WARNING },
		{ "info", LOG_LEVEL_INFO },         { "debug", LOG_LEVEL_DEBUG },    { "trace", LOG_LEVEL_TRACE },
	};

	for (size_t i = 0; text && i < ARRAY_SIZE(words); i++)
		if (strcasecmp(text, words[i].word) == 0)
			return (int)words[i].level;
	return -EINVAL;
}

static int add_escaped_char(struct buf *b, const char *s, size_t len)
{
	unsigned char c = (unsigned char)*s;

	if (c == '"' || c == '\\')
		return buf_printf(b, "\\%c", c);
	if (c == '\n')
		return buf_add(b, "\\n", 2);
	if (c == '\t')
		return buf_add(b, "\\t", 2);
	if (c < 0x20 || c == 0x7f)
		return buf_printf(b, "\\u%04x", c);
	return buf_add(b, s, len);
}

static int add_string(struct buf *b, const char *s)
{
	size_t left = strlen(s);
	int r = buf_add(b, "\"", 1);

	while (r == 0 && left > 0) {
		size_t len = utf8_char_len(s, left);

		r = len > 0 ? add_escaped_char(b, s, len) : buf_add(b, "\\ufffd", 6);
		len = len > 0 ? len : 1;
		s += len;
		left -= len;
	}
	return r < 0 ? r : buf_add(b, "\"", 1);
}

static int add_member(struct buf *b, const char *key, const char *value)
{
	int r = buf_add(b, b->len > 1 ? "," : "", b->len > 1 ? 1 : 0);

	if (r == 0)
		r = add_string(b, key);
	if (r == 0)
		r = buf_add(b, ":", 1);
	return r < 0 ? r : add_string(b, value);
}

static void format_time(char *out, size_t n)
{
	uint64_t now = sys_now(CLOCK_REALTIME);
	time_t seconds = (time_t)(now / 1000000000);
	char date[32];
	struct tm tm;

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out, n, "%s.%09uZ", date, (unsigned)(now % 1000000000));
}

static int format_record(struct buf *b, enum log_level level, const char *subsystem, const struct log_field *fields,
                         const char *message)
{
	char ts[64], pid[16];
	const struct log_field fixed[] = {
		{ "msg", message },
		{ "level", level_words[level] },
		{ "ts", ts },
		{ "pid", pid },
		{ "name", logger.name },
		{ "source", logger.source },
		{ "version", KATA_VERSION },
		{ "subsystem", subsystem },
	};
	int r = buf_add(b, "{", 1);

	format_time(ts, sizeof(ts));
	(void)snprintf(pid, sizeof(pid), "%d", (int)sys_getpid());
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fixed); i++)
		if (fixed[i].value)
			r = add_member(b, fixed[i].key, fixed[i].value);
	for (; r == 0 && fields && fields->key; fields++)
		if (fields->value)
			r = add_member(b, fields->key, fields->value);
	return r < 0 ? r : buf_add(b, "}\n", 2);
}

void log_write(enum log_level level, const char *subsystem, const struct log_field *fields, const char *fmt, ...)
{
	_autobuf_ struct buf b = { .max = RECORD_MAX };
	char message[MESSAGE_MAX];
	int saved = errno;
	va_list ap;

	if (level < 0 || level > logger.level || level >= LOG_LEVEL_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (format_record(&b, level, subsystem, fields, message) < 0)
		logger.dropped++;
	else if (logger.sink)
		logger.sink(logger.arg, level, buf_str(&b), b.len);
	else
		(void)sys_write(2, buf_str(&b), b.len);
	errno = saved;
}
