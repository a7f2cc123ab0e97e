/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PID 1 says while nobody else can: boot lines with times, to /dev/kmsg and to every console that opens. Lines
 * from before a console existed are repeated on it. Also the place where the JSON log goes when no log port is asked
 * for.
 */
#pragma once

#include <stdint.h>

#include "lib/buf.h"
#include "lib/log.h"

#define CONSOLES_MAX 4

struct console {
	struct buf said; /* all boot lines so far */
	int kmsg;
	int fds[CONSOLES_MAX];
	char names[CONSOLES_MAX][32]; /* below /dev */
	unsigned n;
	uint64_t last_ns; /* time of the last stage */
	unsigned long dropped;
};

/* Makes fds 0 to 2 exist (/dev/null if there is nothing else) and prepares the struct. Never fails. */
void console_init(struct console *c);

/* Opens /dev/kmsg and the kernel's consoles if they have come up since, repeating what was said. Can be called again.
 */
void console_open(struct console *c);

/* A boot stage is done: one line with the time since the kernel's start and since the stage before. */
void console_stage(struct console *c, const char *fmt, ...) _printf_(2, 3);

/* A line without a stage: a warning, the reason of a failure. */
void console_say(struct console *c, const char *fmt, ...) _printf_(2, 3);

/* The sink for lib/log: writes to the consoles, never blocks, counts what they did not take. */
void console_log_sink(void *console, enum log_level level, const char *line, size_t len);

/* Forgets the boot lines and closes /dev/kmsg; the consoles stay. */
void console_boot_is_over(struct console *c);
