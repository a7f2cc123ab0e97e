/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer with a ceiling. Data is appended at the end and consumed at the front. The content is always
 * followed by a NUL that does not count, so that text can be used as a string.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"

struct buf {
	uint8_t *data; /* first byte that was not consumed */
	size_t len;    /* bytes from data on */
	size_t max;    /* ceiling for len, 0 = 64 MiB */
	uint8_t *base; /* start of the allocation */
	size_t cap;    /* bytes allocated at base */
};

#define BUF_INIT                                                                                                       \
	{                                                                                                              \
		0                                                                                                      \
	}
#define _autobuf_ _cleanup_(buf_done)

/* Frees the memory and leaves an empty buffer. */
void buf_done(struct buf *b);

/* Makes room for n more bytes behind the content; -ENOMEM, or -EMSGSIZE over the ceiling. */
int buf_reserve(struct buf *b, size_t n);

/* Appends n bytes; errors as buf_reserve, and then nothing is appended. */
int buf_add(struct buf *b, const void *data, size_t n);

/* Appends formatted text; errors as buf_reserve. */
int buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);

/* Says that n bytes were written by hand into the room that buf_reserve made. */
void buf_commit(struct buf *b, size_t n);

/* Drops the first n bytes (at most len); memory is given back when the buffer gets empty and was large. */
void buf_consume(struct buf *b, size_t n);

/* The content as a string; "" if nothing was ever added. */
const char *buf_str(const struct buf *b);
