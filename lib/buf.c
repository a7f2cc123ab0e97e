/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_MAX     ((size_t)64 << 20)
#define KEEP_WHEN_EMPTY 8192 /* a larger allocation is returned once its content is gone */

void buf_done(struct buf *b)
{
	free(b->base);
	b->base = b->data = NULL;
	b->cap = b->len = 0;
}

int buf_reserve(struct buf *b, size_t n)
{
	size_t max = b->max ? b->max : DEFAULT_MAX, gap = b->base ? (size_t)(b->data - b->base) : 0, cap;
	uint8_t *p;

	if (n > max || b->len > max - n)
		return -EMSGSIZE;
	if (gap + b->len + n + 1 <= b->cap)
		return 0;
	if (gap > 0) {
		memmove(b->base, b->data, b->len);
		b->data = b->base;
	}
	if (b->len + n + 1 <= b->cap)
		return 0;
	cap = b->cap < 64 ? 64 : b->cap;
	while (cap < b->len + n + 1)
		cap *= 2;
	p = realloc(b->base, cap);
	if (!p)
		return -ENOMEM;
	b->base = b->data = p;
	b->cap = cap;
	return 0;
}

void buf_commit(struct buf *b, size_t n)
{
	b->len += n;
	b->data[b->len] = '\0';
}

int buf_add(struct buf *b, const void *data, size_t n)
{
	int r = buf_reserve(b, n);

	if (r < 0)
		return r;
	if (n > 0)
		memcpy(b->data + b->len, data, n);
	buf_commit(b, n);
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	r = buf_reserve(b, (size_t)n);
	if (r < 0)
		return r;
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_commit(b, (size_t)n);
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n < b->len) {
		b->data += n;
		b->len -= n;
		return;
	}
	b->len = 0;
	if (b->cap > KEEP_WHEN_EMPTY) {
		buf_done(b);
	} else if (b->base) {
		b->data = b->base;
		b->data[0] = '\0';
	}
}

const char *buf_str(const struct buf *b)
{
	return b->data ? (const char *)b->data : "";
}
