/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's end of the agent's stream port (lib/kstr.h): finds it, attaches to one stream of a process, and carries
 * bytes and marks. Does not poll and keeps no data. The struct is the caller's.
 */
#pragma once

#include <sys/types.h>

#include "client/session.h"
#include "lib/kstr.h"

struct plane_stream {
	int fd;          /* -EBADF: not attached, or over */
	uint64_t offset; /* output: of the next byte that comes; input: of the next byte that is sent */
	uint64_t marked; /* output: acknowledged by us; input: accepted by the process */
	uint8_t mark[KSTR_MARK_SIZE];
	size_t mark_len; /* bytes of a mark that are there */
	bool can_half_close;
};

/* The port that the agent announces, 0 = none. Asks the agent on the open connection; failures count as none. */
uint32_t plane_find(struct session *session);

/*
 * Attaches at `offset` (output: we have what is before), in place of whoever is attached if take_over is set. s->offset
 * is then where the agent goes on. 0, -EPROTO with the status in the text, or -errno.
 */
int plane_open(struct plane_stream *s, const struct session *session, uint32_t port, enum kstr_kind kind,
               bool take_over, uint64_t offset, const char *cid, const char *eid, struct err *err);

/* Receives output without waiting: bytes, 0 = the stream is over and closed, -EAGAIN. */
ssize_t plane_receive(struct plane_stream *s, void *data, size_t n);

/* Tells the agent that we have what is before `offset`. */
void plane_acknowledge(struct plane_stream *s, uint64_t offset);

/* Sends input without waiting: bytes, -EAGAIN, or -EPIPE: nobody takes it any more, closed. */
ssize_t plane_send(struct plane_stream *s, const void *data, size_t n);

/* Takes the marks that are there; false = the input is over, closed. */
bool plane_take_marks(struct plane_stream *s);

/* Closes the writing half: the end of the input. Only if can_half_close. */
void plane_end_input(struct plane_stream *s);

/* Closes; idempotent. */
void plane_close(struct plane_stream *s);
