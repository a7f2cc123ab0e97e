/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ttrpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_be32(uint8_t *out, uint32_t v)
{
	out[0] = (uint8_t)(v >> 24);
	out[1] = (uint8_t)(v >> 16);
	out[2] = (uint8_t)(v >> 8);
	out[3] = (uint8_t)v;
}

static uint32_t get_be32(const uint8_t *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | (uint32_t)in[3];
}

void ttrpc_header_pack(uint8_t out[TTRPC_HEADER_SIZE], uint32_t length, uint32_t stream, uint8_t type, uint8_t flags)
{
	put_be32(out, length);
	put_be32(out + 4, stream);
	out[8] = type;
	out[9] = flags;
}

struct ttrpc_header ttrpc_header_unpack(const uint8_t in[TTRPC_HEADER_SIZE])
{
	return (struct ttrpc_header){
		.length = get_be32(in),
		.stream = get_be32(in + 4),
		.type = in[8],
		.flags = in[9],
	};
}

static void drop_frame(struct ttrpc_cutter *c)
{
	free(c->payload);
	c->payload = NULL;
	c->payload_len = 0;
	c->head_len = 0;
	c->complete = false;
}

void ttrpc_cutter_done(struct ttrpc_cutter *c)
{
	drop_frame(c);
	c->skip = 0;
}

bool ttrpc_cutter_is_busy(const struct ttrpc_cutter *c)
{
	return c->skip > 0 || (c->head_len > 0 && !c->complete);
}

static size_t take_skipped(struct ttrpc_cutter *c, size_t n)
{
	size_t eaten = n < c->skip ? n : (size_t)c->skip;

	c->skip -= eaten;
	return eaten;
}

static size_t take_header(struct ttrpc_cutter *c, const uint8_t *data, size_t n)
{
	size_t missing = TTRPC_HEADER_SIZE - c->head_len, eaten = n < missing ? n : missing;

	memcpy(c->head + c->head_len, data, eaten);
	c->head_len += eaten;
	return eaten;
}

/* The payload is not wanted or there is no room for it: read on behind it. */
static int skip_payload(struct ttrpc_cutter *c, int event)
{
	c->skip = c->header.length;
	c->head_len = 0;
	return event;
}

/* TTRPC_FRAME means here: go on with the payload. */
static int begin_payload(struct ttrpc_cutter *c)
{
	c->header = ttrpc_header_unpack(c->head);
	if (c->header.length > TTRPC_DISCARD_MAX)
		return TTRPC_HOPELESS;
	if (c->header.length > TTRPC_MESSAGE_MAX)
		return skip_payload(c, TTRPC_TOO_LONG);
	c->payload = malloc((size_t)c->header.length + 1);
	if (!c->payload)
		return skip_payload(c, -ENOMEM);
	c->payload_len = 0;
	return TTRPC_FRAME;
}

static size_t take_payload(struct ttrpc_cutter *c, const uint8_t *data, size_t n)
{
	size_t missing = c->header.length - c->payload_len, eaten = n < missing ? n : missing;

	if (eaten > 0)
		memcpy(c->payload + c->payload_len, data, eaten);
	c->payload_len += eaten;
	return eaten;
}

int ttrpc_cutter_feed(struct ttrpc_cutter *c, const uint8_t *data, size_t n, size_t *ret_used)
{
	size_t used;
	int r;

	if (c->complete)
		drop_frame(c);
	used = take_skipped(c, n);
	if (!c->payload) {
		if (used < n && c->head_len < TTRPC_HEADER_SIZE)
			used += take_header(c, data + used, n - used);
		*ret_used = used;
		if (c->head_len < TTRPC_HEADER_SIZE)
			return TTRPC_NEED_MORE;
		r = begin_payload(c);
		if (r != TTRPC_FRAME)
			return r;
	}
	used += take_payload(c, data + used, n - used);
	*ret_used = used;
	if (c->payload_len < c->header.length)
		return TTRPC_NEED_MORE;
	c->payload[c->payload_len] = '\0';
	c->complete = true;
	return TTRPC_FRAME;
}
