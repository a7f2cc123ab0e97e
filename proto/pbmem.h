/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding of messages that a peer sent, bounded in every direction: the bytes are checked against the descriptor
 * before libprotobuf-c sees them (depth, list lengths, UTF-8, embedded NULs, which it would cut at silently), and what
 * it allocates comes from an arena with a budget. The message lives as long as the arena; never free it singly.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "lib/arena.h"
#include "lib/err.h"

/* What decoding may take over the length of the frame: arena_init(&a, len + PB_BUDGET). */
#define PB_BUDGET    (8u << 20)
#define PB_DEPTH_MAX 32    /* messages inside messages, the outermost one counted */
#define PB_LIST_MAX  65536 /* elements of a repeated field */

/* A ProtobufCAllocator that takes from an arena; use `&m.base`. */
struct pbmem {
	ProtobufCAllocator base;
	struct arena *arena;
	int failed; /* 0, or why the last allocation failed: ENOMEM, or ENOBUFS for the budget */
};

/* Prepares the allocator; the arena must outlive it and everything that came from it. */
void pbmem_init(struct pbmem *m, struct arena *arena);

/*
 * Decodes a message. -EINVAL names message and field; -ENOBUFS = the arena's budget is used up or a list is longer than
 * PB_LIST_MAX; -ENOMEM. A singular sub-message that comes twice (legal, sent by nobody) is refused, not merged.
 */
int pb_unpack(const ProtobufCMessageDescriptor *type, struct arena *arena, const void *data, size_t len,
              ProtobufCMessage **ret, struct err *err);

/* An initialised, empty message from the arena; NULL as arena_alloc. */
void *pb_new(const ProtobufCMessageDescriptor *type, struct arena *arena);
