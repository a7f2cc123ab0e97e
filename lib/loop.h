/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The epoll loop: one thread, level-triggered. Sources and timers are embedded in their owner, who keeps them alive
 * until they are removed. The loop owns neither the source nor its fd. Nothing may block in a callback.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "lib/list.h"

struct loop;
struct loop_source;

enum loop_verdict {
	LOOP_KEEP = 0,
	LOOP_REMOVE = 1, /* the loop takes the source out; the fd stays the owner's to close */
};

/*
 * Called with the EPOLL* events that are there. Returns LOOP_KEEP, LOOP_REMOVE, or -errno, which is logged with the
 * source's name and removes it. If the callback has freed the source, it returns LOOP_KEEP.
 */
typedef int (*loop_callback)(struct loop_source *source, uint32_t events);

struct loop_source {
	const char *name; /* for the log */
	int fd;
	uint32_t events; /* interest; 0 = not in epoll at all, so not even EPOLLHUP is told */
	loop_callback callback;
	struct loop *loop; /* NULL while it is in no loop */
};

/* A one-shot timer on a timerfd of its own, which exists only while it runs. */
struct loop_timer {
	struct loop_source source;
	void (*expired)(struct loop_timer *timer);
};

/* Something to be done at the end of the loop turn, when no callback is on the stack: freeing, mostly. */
struct loop_deferred {
	struct list link;
	void (*run)(struct loop_deferred *deferred);
};

/* Makes a loop; *ret is freed with loop_free. 0 or -errno. */
int loop_new(struct loop **ret);

/* Frees the loop; sources that are still in it are forgotten. Returns NULL. */
struct loop *loop_free(struct loop *loop);

/* Puts the source (name, fd, events, callback filled in) into the loop; 0 or -errno. */
int loop_add(struct loop *loop, struct loop_source *source);

/* Changes the interest of a source that is in a loop; 0 or -errno. */
int loop_modify(struct loop_source *source, uint32_t events);

/* Takes the source out, before its fd is closed. Idempotent; events of this turn not yet told are dropped. */
void loop_remove(struct loop_source *source);

/* Starts the timer (again); `expired` fires once after `ms` milliseconds. 0 or -errno. */
int loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t ms);

/* Stops the timer; idempotent, also for one that is all zeroes. */
void loop_timer_stop(struct loop_timer *timer);

/* Runs `deferred` once at the end of this turn; asking again before that is harmless. Its link must be initialised. */
void loop_defer(struct loop *loop, struct loop_deferred *deferred);

/* Runs one turn, waiting at most timeout_ms (-1 = for ever); 0 or -errno. */
int loop_turn(struct loop *loop, int timeout_ms);

/* Runs turns until loop_stop; 0 or -errno. */
int loop_run(struct loop *loop);

/* Makes loop_run return 0 after this turn. */
void loop_stop(struct loop *loop);

/* Number of sources that are in the loop, for leak checks. */
unsigned loop_count(const struct loop *loop);
