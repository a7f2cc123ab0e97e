/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that waits for children. Owners register a pid with a callback; SIGCHLD's handler calls reaper_run,
 * which collects every exited child and tells its owner. A pid that nobody registered is an orphan: collected, counted.
 * Programs that are no reapers (ctl, runtime, runk) do not use it.
 */
#pragma once

#include <sys/types.h>

#include "lib/list.h"

struct reaper;
struct reaper_child;

/* `code` is the exit status, or 128 + the signal. The entry is already out of the table and may be freed. */
typedef void (*reaper_exited)(struct reaper_child *child, int code);

/* Embedded in its owner. */
struct reaper_child {
	struct list link;
	pid_t pid;
	reaper_exited exited;
};

/* Makes an empty table; freed with reaper_free. 0 or -ENOMEM. */
int reaper_new(struct reaper **ret);

/* Frees the table, not its entries. Returns NULL. */
struct reaper *reaper_free(struct reaper *reaper);

/* Registers a child (pid and exited filled in); must happen in the loop turn in which the child was made. */
void reaper_add(struct reaper *reaper, struct reaper_child *child);

/* Forgets a child; idempotent for an initialised entry. It will be reaped as an orphan. */
void reaper_remove(struct reaper_child *child);

/* Collects all children that have exited and calls their owners; the number collected, or -errno. */
int reaper_run(struct reaper *reaper);

/* How many orphans were collected so far. */
unsigned long reaper_orphans(const struct reaper *reaper);
