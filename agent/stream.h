/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's ends of a process's stdio, and the rules of when a stream ends (design D6, D8; drawn in docs/STATES).
 * Output is read only when somebody asks, so the pipe itself is the back-pressure. A chunk that was handed to a reader
 * belongs to the stream until the reader has acknowledged it: if its client went away, the next reader gets it.
 * Two kinds of clients share these rules. A reader asks for one chunk. A tap, of which a stream has one at most, sees
 * what comes, in a window of unacknowledged bytes, and acknowledges by offset; while it is attached, readers wait. A
 * window grows from STREAM_CHUNK_MAX to STREAM_WINDOW_MAX when it is full, as long as not too many have. Offsets count
 * all bytes since the process began. A stream is owned by its process. Readers, writers and taps are embedded in their
 * owner, who keeps them until done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/list.h"
#include "lib/loop.h"

#define STREAM_CHUNK_MAX   65536       /* bytes that one read returns at most */
#define STREAM_WINDOW_MAX  (256 << 10) /* bytes kept unacknowledged for a fast stream, else STREAM_CHUNK_MAX */
#define STREAM_WINDOWS_MAX 64          /* windows of that size at once */
#define ORPHAN_GRACE_MS    500         /* how long after its process's end an orphan may still add output */

struct outstream;
struct instream;
struct outstream_reader;
struct instream_writer;

/*
 * r 0 and data: a chunk, until outstream_ack. r 0 and len 0: the stream has ended. r < 0: an error. Never called from
 * outstream_read itself.
 */
typedef void (*outstream_done)(struct outstream_reader *reader, int r, const uint8_t *data, size_t len);

struct outstream_reader {
	struct list link;
	struct outstream *stream; /* NULL when it is in no stream any more */
	size_t max;               /* bytes wanted, clamped to 1..STREAM_CHUNK_MAX */
	outstream_done done;
};

struct outstream_tap {
	struct outstream *stream; /* NULL when it is in no stream any more */
	uint64_t sent;            /* offset of the first byte that was not sent; in no stream any more: of its end */
	int error;                /* -errno: reading failed */
	unsigned *n_large;        /* large windows that there are, counted with those who live as long as the streams */
	bool is_fixed;            /* its owner cannot be superseded by another one */
	void (*changed)(struct outstream_tap *tap); /* look again, from a later turn: called from anywhere */
};

struct outstream_counters {
	uint64_t in;        /* bytes read from the process */
	uint64_t delivered; /* bytes acknowledged by readers and taps */
	uint64_t late;      /* bytes of orphans that were drained away */
	uint64_t lost;      /* bytes that were thrown away unread */
};

/* Takes the fd (pipe's read end, or a pty master) over on success. 0 or -errno. */
int outstream_new(struct loop *loop, int fd, bool is_tty, struct outstream **ret);

/* Ends it: waiting readers are told the end, the fd is closed. Returns NULL. */
struct outstream *outstream_free(struct outstream *s);

/* Parks a reader; done comes from a later turn, when there is data or the end. 0 or -errno. */
int outstream_read(struct outstream *s, struct outstream_reader *reader);

/* After a chunk: it was written to the client's socket (true) or not (false: the next reader gets it). Idempotent. */
void outstream_ack(struct outstream_reader *reader, bool delivered);

/* Takes a reader out wherever it is (waiting, or holding a chunk); idempotent for an initialised reader. */
void outstream_cancel(struct outstream_reader *reader);

/* Attaches a tap (changed filled in); -EBUSY if there is one. It must be placed before bytes are looked at. */
int outstream_attach(struct outstream *s, struct outstream_tap *tap);

/*
 * Places the tap: its client has every byte before `offset`, which counts as acknowledged. *ret is the offset of the
 * first byte to come, higher than asked if others took what was before it. -EAGAIN while a reader holds a chunk
 * (changed comes), -ERANGE if no byte with this offset was ever read.
 */
int outstream_place(struct outstream_tap *tap, uint64_t offset, uint64_t *ret);

/* Bytes to be sent, as many as lie together; valid until the end of the turn. Their number, 0 = none now. */
size_t outstream_peek(const struct outstream_tap *tap, const uint8_t **ret);

/* So many bytes of those were sent. */
void outstream_sent(struct outstream_tap *tap, size_t n);

/* The client has every byte before `offset`; lower ones than before are harmless, -ERANGE if they were not sent yet. */
int outstream_confirm(struct outstream_tap *tap, uint64_t offset);

/* True if nothing will come any more and all is acknowledged. */
bool outstream_is_over(const struct outstream_tap *tap);

/* Takes the tap out; what was not acknowledged goes to whoever comes next. Idempotent. */
void outstream_detach(struct outstream_tap *tap);

/* The tap that is attached, or NULL. */
struct outstream_tap *outstream_tap(const struct outstream *s);

/* The process has been reaped: from now on the rule of D6 may end the stream without a kernel EOF. */
void outstream_process_exited(struct outstream *s);

/* True if nothing can come any more and nothing is left: the process may be forgotten. */
bool outstream_is_empty(const struct outstream *s);

/* `drained` is called once, from a later turn, when the fd is closed and nothing is left; it may free the stream. */
void outstream_on_drained(struct outstream *s, void (*drained)(void *arg), void *arg);

/* Throws unread data away (counted as lost) and closes. */
void outstream_discard(struct outstream *s);

/* Bytes so far. */
struct outstream_counters outstream_counters(const struct outstream *s);

/* r 0: all bytes were accepted by the pipe or terminal; else -errno (-EPIPE: nobody reads). */
typedef void (*instream_done)(struct instream_writer *writer, int r);

struct instream_writer {
	struct list link;
	struct instream *stream;
	const uint8_t *data; /* borrowed until done */
	size_t len, offset;
	instream_done done;
};

/* The one client that writes by offset. Writers of others still get their turn. */
struct instream_tap {
	struct instream *stream;                   /* NULL when it was closed */
	uint64_t written;                          /* bytes accepted, once it was closed */
	bool is_fixed;                             /* as above */
	void (*changed)(struct instream_tap *tap); /* it was closed; called from anywhere */
};

/* Takes the fd (pipe's write end, or a dup of the pty master) over on success. */
int instream_new(struct loop *loop, int fd, bool is_tty, struct instream **ret);

/* Fails waiting writers with -EPIPE and closes. Returns NULL. */
struct instream *instream_free(struct instream *s);

/* Queues a write behind those that wait; done comes from a later turn. -EPIPE after instream_close. */
int instream_write(struct instream *s, struct instream_writer *writer);

/* Takes a waiting writer out; what was written is written. Idempotent. */
void instream_cancel(struct instream_writer *writer);

/*
 * End of input once the queue is written: a pipe is closed; a terminal gets its end-of-file character, because closing
 * it would cut the output off. Idempotent.
 */
int instream_close(struct instream *s);

/* Bytes accepted so far. */
uint64_t instream_written(const struct instream *s);

/* Attaches a tap (changed filled in); -EBUSY if there is one, -EPIPE after instream_close. */
int instream_attach(struct instream *s, struct instream_tap *tap);

/* Takes the tap out. Idempotent. */
void instream_detach(struct instream_tap *tap);

/* The tap that is attached, or NULL. */
struct instream_tap *instream_tap(const struct instream *s);
