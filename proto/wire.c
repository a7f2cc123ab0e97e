/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire.h"

#include <errno.h>
#include <limits.h>

#define TAG_MAX ((1u << 29) - 1)

/* Longer forms than max bytes are refused: libprotobuf-c does so too, and both have to see the same fields. */
static int read_varint(struct wire *w, unsigned max, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < max && w->pos < w->end; i++) {
		uint8_t c = *w->pos++;

		value |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80)) {
			*ret = value;
			return 0;
		}
	}
	return -EINVAL;
}

static int take(struct wire *w, uint64_t n, struct wire_field *f)
{
	if (n > (uint64_t)(w->end - w->pos))
		return -EINVAL;
	f->data = w->pos;
	f->len = n;
	w->pos += n;
	return 0;
}

int wire_next(struct wire *w, struct wire_field *ret)
{
	struct wire_field f = { 0 };
	uint64_t n;
	int r;

	if (w->pos == w->end)
		return 0;
	r = read_varint(w, 5, &n);
	if (r < 0)
		return r;
	if (n >> 3 == 0 || n >> 3 > TAG_MAX)
		return -EINVAL;
	f.tag = (uint32_t)(n >> 3);
	f.type = n & 7;
	switch (f.type) {
	case WIRE_VARINT:
		f.data = w->pos;
		r = read_varint(w, 10, &f.varint);
		f.len = (size_t)(w->pos - f.data);
		break;
	case WIRE_64BIT:
		r = take(w, 8, &f);
		break;
	case WIRE_32BIT:
		r = take(w, 4, &f);
		break;
	case WIRE_BYTES:
		r = read_varint(w, 5, &n);
		if (r == 0)
			r = n > INT_MAX ? -EINVAL : take(w, n, &f);
		break;
	default:
		r = -EINVAL;
	}
	if (r < 0)
		return r;
	*ret = f;
	return 1;
}
