/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches the log of a program for a line after which it is broken, though it still runs: one of its threads has ended.
 * What is done about it is the owner's business. Embedded in the owner.
 */
#pragma once

#include "lib/err.h"
#include "lib/loop.h"

struct logwatch {
	struct loop_source source;
	const char *path, *text; /* the owner's */
	void (*found)(struct logwatch *watch, const char *line);
};

/* Calls found from the loop, once, when a line of the file has that text in it; one that it has already counts too. */
int logwatch_start(struct logwatch *watch, struct loop *loop, struct err *err);

/* Stops; harmless for one that was never started or has stopped. */
void logwatch_stop(struct logwatch *watch);
