/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One log function with a level and key=value fields. Records are JSON objects, one a line, in the shape of Kata's
 * agent log (msg, level, ts, pid, name, source, version, subsystem, then the fields). Where they go is the sink's
 * business; the default sink is stderr. lib/, mount/, cgroups/ and namespaces/ log at debug level only.
 */
#pragma once

#include <stddef.h>

#include "lib/mem.h"

enum log_level {
	LOG_LEVEL_CRITICAL,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE,
	LOG_LEVEL_MAX,
	LOG_LEVEL_INVALID = -22, /* -EINVAL */
};

/* A field of a record; value NULL = the field is left out. An array ends with key NULL. */
struct log_field {
	const char *key, *value;
};

/* Takes one record, a line with its newline; must not block and must not log. */
typedef void (*log_sink)(void *arg, enum log_level level, const char *line, size_t len);

/* Where records go from now on; NULL = stderr. */
void log_set_sink(log_sink sink, void *arg);

/* The program that records name, in place of "kata-agent" and "agent"; the strings stay the caller's. */
void log_set_name(const char *name, const char *source);

/* Records above this level are dropped; the start value is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/* The level now in force. */
enum log_level log_get_level(void);

/* "critical", "fatal", "panic", "error", "warn", "warning", "info", "debug", "trace" to a level, else -EINVAL. */
int log_level_parse(const char *text);

/* Writes a record; `fields` may be NULL. errno is neither read nor changed. */
void log_write(enum log_level level, const char *subsystem, const struct log_field *fields, const char *fmt, ...)
	_printf_(4, 5);

/* How many records were lost because memory was out. */
unsigned long log_dropped(void);

#define log_error(subsystem, ...)   log_write(LOG_LEVEL_ERROR, subsystem, NULL, __VA_ARGS__)
#define log_warning(subsystem, ...) log_write(LOG_LEVEL_WARNING, subsystem, NULL, __VA_ARGS__)
#define log_info(subsystem, ...)    log_write(LOG_LEVEL_INFO, subsystem, NULL, __VA_ARGS__)
#define log_debug(subsystem, ...)   log_write(LOG_LEVEL_DEBUG, subsystem, NULL, __VA_ARGS__)
