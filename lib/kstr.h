/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream plane's bytes, for both sides of the VM (design D7; docs/PROTOCOL). All numbers are big endian. One
 * connection carries one stream of one process:
 *   client   "KSTR", u8 version 1, u8 kind + flags, u64 offset, u16 length + container id, u16 length + exec id (empty
 *            or the container id: its first process); all within 5 s and 1 KiB, and nothing more before the answer
 *   agent    u32 status (a ttrpc code), u64 offset of the first byte to come; a status other than 0 ends the connection
 *   then     the sender of the stream sends raw bytes, the other side writes back u64 "received up to", an offset
 * Offsets count all bytes of the stream since the process began. Knows nothing of sockets.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KSTR_PORT           1028
#define KSTR_VERSION        1
#define KSTR_HEADER_MAX     1024
#define KSTR_ANSWER_SIZE    12
#define KSTR_MARK_SIZE      8           /* "received up to" */
#define KSTR_UNACKNOWLEDGED (256 << 10) /* bytes at most that are kept for a client that may come again */
#define KSTR_HEADER_MS      5000
#define KSTR_FEATURE_PREFIX "streams=" /* and the port, in GetGuestDetails' extra_features */

enum kstr_kind {
	KSTR_STDIN,
	KSTR_STDOUT,
	KSTR_STDERR,
	KSTR_KIND_MAX,
};

/* Flags beside the kind. */
#define KSTR_TAKE_OVER     0x80 /* whoever is attached is let go */
#define KSTR_WHOLE_PACKETS 0x40 /* no proxy that loses large packets is between the client and the kernel */

/* Codes of ttrpc, as far as they are used here. */
enum kstr_status {
	KSTR_OK = 0,
	KSTR_INVALID_ARGUMENT = 3,    /* no valid header; unknown container */
	KSTR_DEADLINE_EXCEEDED = 4,   /* the header took too long */
	KSTR_NOT_FOUND = 5,           /* unknown process */
	KSTR_PERMISSION_DENIED = 7,   /* the policy does not allow the stream */
	KSTR_RESOURCE_EXHAUSTED = 8,  /* too many connections */
	KSTR_FAILED_PRECONDITION = 9, /* another connection is attached */
	KSTR_OUT_OF_RANGE = 11,       /* the stream has not come so far */
	KSTR_UNAVAILABLE = 14,        /* the process is still being made */
};

struct kstr_header {
	enum kstr_kind kind;
	unsigned flags;
	uint64_t offset;           /* output: the client has what is before; input: its data begins here or before */
	char cid[KSTR_HEADER_MAX]; /* no NUL inside, UTF-8 */
	char eid[KSTR_HEADER_MAX];
};

/* Parses a header from the n bytes that are there; its size, 0 = more bytes are needed, -EINVAL = never valid. */
int kstr_header_parse(const uint8_t *data, size_t n, struct kstr_header *ret);

/* Writes a header of at most KSTR_HEADER_MAX bytes; its size, or -ENAMETOOLONG. */
int kstr_header_pack(enum kstr_kind kind, unsigned flags, uint64_t offset, const char *cid, const char *eid,
                     uint8_t *out);

/* Writes an answer, KSTR_ANSWER_SIZE bytes. */
void kstr_answer_pack(uint32_t status, uint64_t offset, uint8_t *out);

/* Reads an answer of KSTR_ANSWER_SIZE bytes. */
void kstr_answer_parse(const uint8_t *data, uint32_t *ret_status, uint64_t *ret_offset);

/* Writes a mark, KSTR_MARK_SIZE bytes. */
void kstr_mark_pack(uint64_t offset, uint8_t *out);

/* Reads a mark of KSTR_MARK_SIZE bytes. */
uint64_t kstr_mark_parse(const uint8_t *data);

/* "stdin", "stdout" or "stderr". */
const char *kstr_kind_name(enum kstr_kind kind);
