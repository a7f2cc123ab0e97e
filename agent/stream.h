/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's ends of a process's stdio, and the rules of when a stream ends (design D6, D8; drawn in docs/STATES).
 * Output is read only when somebody asks, so the pipe itself is the back-pressure. A chunk that was handed to a reader
 * belongs to the stream until the reader has acknowledged it: if its client went away, the next reader gets it.
 * A stream is owned by its process. Readers and writers are embedded in their owner, who keeps them until done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/list.h"
#include "lib/loop.h"

#define STREAM_CHUNK_MAX 65536 /* bytes that one read returns at most */
#define ORPHAN_GRACE_MS	 500   /* how long after its process's end an orphan may still add output */

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
	size_t max;		  /* bytes wanted, clamped to 1..STREAM_CHUNK_MAX */
	outstream_done done;
};

struct outstream_counters {
	uint64_t in;	    /* bytes read from the process */
	uint64_t delivered; /* bytes acknowledged by readers */
	uint64_t late;	    /* bytes of orphans that were drained away */
	uint64_t lost;	    /* bytes that were thrown away unread */
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
