/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kstr.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lib/utf8.h"

#define FIXED_SIZE 14 /* magic, version, kind, offset */
#define FLAGS      (KSTR_TAKE_OVER | KSTR_WHOLE_PACKETS)

static const uint8_t magic[] = { 'K', 'S', 'T', 'R', KSTR_VERSION };

/* What can be told from the first bytes is told at once, so that a stranger does not use up the time. */
static int parse_fixed(const uint8_t *data, size_t n, struct kstr_header *h)
{
	if (memcmp(data, magic, n < sizeof(magic) ? n : sizeof(magic)) != 0)
		return -EINVAL;
	if (n > sizeof(magic) && (data[sizeof(magic)] & ~FLAGS) >= KSTR_KIND_MAX)
		return -EINVAL;
	if (n < FIXED_SIZE)
		return 0;
	h->kind = data[sizeof(magic)] & ~FLAGS;
	h->flags = data[sizeof(magic)] & FLAGS;
	h->offset = kstr_mark_parse(data + 6);
	return FIXED_SIZE;
}

/* One name at `at`; the offset behind it, 0 = incomplete, -EINVAL. */
static int parse_name(const uint8_t *data, size_t n, size_t at, char *out)
{
	uint16_t len;

	if (n < at + sizeof(len))
		return 0;
	memcpy(&len, data + at, sizeof(len));
	len = be16toh(len);
	at += sizeof(len);
	if (at + len > KSTR_HEADER_MAX)
		return -EINVAL;
	if (n < at + len)
		return 0;
	if (memchr(data + at, '\0', len) || !utf8_is_valid(data + at, len))
		return -EINVAL;
	memcpy(out, data + at, len);
	out[len] = '\0';
	return (int)(at + len);
}

int kstr_header_parse(const uint8_t *data, size_t n, struct kstr_header *ret)
{
	int at = parse_fixed(data, n, ret);

	if (at > 0)
		at = parse_name(data, n, (size_t)at, ret->cid);
	if (at > 0)
		at = parse_name(data, n, (size_t)at, ret->eid);
	return at;
}

static size_t pack_name(uint8_t *out, const char *name, size_t n)
{
	uint16_t len = htobe16((uint16_t)n);

	memcpy(out, &len, sizeof(len));
	memcpy(out + sizeof(len), name, n);
	return sizeof(len) + n;
}

int kstr_header_pack(enum kstr_kind kind, unsigned flags, uint64_t offset, const char *cid, const char *eid,
                     uint8_t *out)
{
	size_t cid_len = strlen(cid), eid_len = strlen(eid), at = FIXED_SIZE;

	if (cid_len > KSTR_HEADER_MAX || eid_len > KSTR_HEADER_MAX ||
	    FIXED_SIZE + 2 * sizeof(uint16_t) + cid_len + eid_len > KSTR_HEADER_MAX)
		return -ENAMETOOLONG;
	memcpy(out, magic, sizeof(magic));
	out[sizeof(magic)] = (uint8_t)(kind | flags);
	kstr_mark_pack(offset, out + 6);
	at += pack_name(out + at, cid, cid_len);
	at += pack_name(out + at, eid, eid_len);
	return (int)at;
}

void kstr_answer_pack(uint32_t status, uint64_t offset, uint8_t *out)
{
	uint32_t word = htobe32(status);

	memcpy(out, &word, sizeof(word));
	kstr_mark_pack(offset, out + sizeof(word));
}

void kstr_answer_parse(const uint8_t *data, uint32_t *ret_status, uint64_t *ret_offset)
{
	uint32_t word;

	memcpy(&word, data, sizeof(word));
	*ret_status = be32toh(word);
	*ret_offset = kstr_mark_parse(data + sizeof(word));
}

void kstr_mark_pack(uint64_t offset, uint8_t *out)
{
	uint64_t word = htobe64(offset);

	memcpy(out, &word, sizeof(word));
}

uint64_t kstr_mark_parse(const uint8_t *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	return be64toh(word);
}

const char *kstr_kind_name(enum kstr_kind kind)
{
	static const char *const names[KSTR_KIND_MAX] = { "stdin", "stdout", "stderr" };

	return kind >= 0 && kind < KSTR_KIND_MAX ? names[kind] : "?";
}
