/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sandbox with one container "web" whose init has pipes instead of a program, and clients of the stream plane on
 * socket pairs, driven turn by turn in the test's own process. Everything waits with a deadline.
 */
#pragma once

#include "agent/sandbox.h"
#include "agent/streamconn.h"
#include "lib/kstr.h"
#include "tests/lib/unit.h"

struct plane {
	struct loop *loop;
	struct sandbox sandbox;
	struct container container;
	struct process *init;
	struct streamconns conns;
	int in, out, err; /* the process's ends */
};

/* Timers of streamconn expire at once while this is set. */
extern bool plane_short_timers;

/* Milliseconds that sys_now_ms is ahead. */
extern int64_t plane_later_ms;

/* Group setup and teardown of one test. */
int plane_setup(void **state);
int plane_teardown(void **state);

/* A client's socket, with a connection at its other end. */
int plane_connect(struct plane *f);

/* Connects, sends a header and checks the answer. */
int plane_attach(struct plane *f, enum kstr_kind kind, uint64_t offset, enum kstr_status status, uint64_t from);

/* Sends bytes, with turns of the loop. */
void plane_send(struct plane *f, int fd, const void *data, size_t n);

/* Sends "received up to". */
void plane_mark(struct plane *f, int fd, uint64_t offset);

/* Receives n bytes from a socket or pipe, with turns of the loop. */
void plane_receive(struct plane *f, int fd, void *data, size_t n);

/* Checks that nothing comes, but the connection is there. */
void plane_expect_silence(struct plane *f, int fd);

/* Checks that the next thing is the end. */
void plane_expect_end(struct plane *f, int fd);

/* Some turns of the loop. */
void plane_turns(struct plane *f);

/* n bytes that tell where they belong, for offsets from `offset` on. */
void plane_pattern(uint8_t *data, size_t n, uint64_t offset);
