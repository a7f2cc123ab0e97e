/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the protobuf wire form field by field, without a message type and without memory. For what has to be known
 * before a message is decoded. Everything points into the caller's bytes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_64BIT = 1,
	WIRE_BYTES = 2,
	WIRE_32BIT = 5,
};

/* The bytes that were not read yet; fill both by hand. */
struct wire {
	const uint8_t *pos, *end;
};

struct wire_field {
	uint32_t tag;
	uint8_t type;    /* enum wire_type */
	uint64_t varint; /* WIRE_VARINT only */
	const uint8_t *data;
	size_t len; /* bytes at data: the value without its length prefix */
};

/* Reads the next field: 1, 0 at the end, -EINVAL if the bytes are no protobuf (or a group, which proto3 has not). */
int wire_next(struct wire *w, struct wire_field *ret);
