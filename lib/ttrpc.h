/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ttrpc frames, bytes only: cutting them out of a stream and putting their header in front of a payload. What is inside
 * a payload is proto/envelope.h's. No I/O, no ownership of connections.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TTRPC_HEADER_SIZE 10
#define TTRPC_MESSAGE_MAX (4u << 20)  /* payload bytes that a peer has to accept */
#define TTRPC_DISCARD_MAX (64u << 20) /* a longer payload is not even skipped: the connection ends */

enum ttrpc_type {
	TTRPC_REQUEST = 1,
	TTRPC_RESPONSE = 2,
	TTRPC_DATA = 3,
};

struct ttrpc_header {
	uint32_t length; /* payload bytes */
	uint32_t stream;
	uint8_t type; /* enum ttrpc_type, or something unknown */
	uint8_t flags;
};

enum ttrpc_event {
	TTRPC_NEED_MORE, /* everything was consumed, no complete frame yet */
	TTRPC_FRAME,     /* header and payload are valid until the next call */
	TTRPC_TOO_LONG,  /* header is valid; the payload will be skipped, go on calling */
	TTRPC_HOPELESS,  /* longer than TTRPC_DISCARD_MAX: header is valid, the connection has to end */
};

/* Cuts frames; all zeroes is a good start value, ttrpc_cutter_done frees it. */
struct ttrpc_cutter {
	uint8_t head[TTRPC_HEADER_SIZE];
	size_t head_len;
	struct ttrpc_header header;
	uint8_t *payload; /* header.length bytes and a NUL once the header is complete */
	size_t payload_len;
	uint64_t skip; /* bytes of a too long payload still to come */
	bool complete; /* the last call returned a frame that the next one drops */
};

/* Fills the 10 bytes at out. */
void ttrpc_header_pack(uint8_t out[TTRPC_HEADER_SIZE], uint32_t length, uint32_t stream, uint8_t type, uint8_t flags);

/* Reads the 10 bytes at in. */
struct ttrpc_header ttrpc_header_unpack(const uint8_t in[TTRPC_HEADER_SIZE]);

/*
 * Feeds bytes; *ret_used says how many were eaten (call again with the rest). Returns an enum ttrpc_event, or -ENOMEM.
 * With TTRPC_FRAME, c->header and c->payload (c->header.length bytes) are the frame.
 */
int ttrpc_cutter_feed(struct ttrpc_cutter *c, const uint8_t *data, size_t n, size_t *ret_used);

/* True while a frame has begun and is not complete: the peer owes us bytes. */
bool ttrpc_cutter_is_busy(const struct ttrpc_cutter *c);

/* Frees what is buffered. */
void ttrpc_cutter_done(struct ttrpc_cutter *c);
