/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of the runtime's log, as engines and kata-log-parser read it, and the system's log, where every line goes as
 * well, under the name kata-runtime. Which lines there are is others' business.
 */
#pragma once

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/log.h"

/* Appends a record with its newline, as JSON or as key=value text with msg in quotes; level is "info" and so on. */
int logline_format(bool is_json, const char *level, const char *text, struct buf *out);

/* Sends a line to /dev/log, if somebody listens there. */
void logline_to_syslog(const char *level, const char *text);

/* A log_sink for a supervisor: its stderr and the system's log. */
void logline_sink(void *arg, enum log_level level, const char *line, size_t len);
