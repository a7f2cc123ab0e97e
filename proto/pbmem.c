/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pbmem.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/utf8.h"
#include "proto/wire.h"

#define FIELDS_MAX 64 /* of one message type; ours have at most 20 */

/* The arena does not say why it refused; it rounds sizes up, hence the slack. */
static bool is_used_up(const struct arena *a, size_t size)
{
	return a->max && (size >= a->max || a->used + size + 2 * sizeof(max_align_t) > a->max);
}

static void *take(void *data, size_t size)
{
	struct pbmem *m = data;
	void *p = arena_alloc(m->arena, size);

	if (!p)
		m->failed = is_used_up(m->arena, size) ? ENOBUFS : ENOMEM;
	return p;
}

static void give_back(void *data, void *p)
{
	(void)data;
	(void)p;
}

void pbmem_init(struct pbmem *m, struct arena *arena)
{
	*m = (struct pbmem){
		.base = { .alloc = take, .free = give_back, .allocator_data = m },
		.arena = arena,
	};
}

void *pb_new(const ProtobufCMessageDescriptor *type, struct arena *arena)
{
	ProtobufCMessage *msg = arena_alloc(arena, type->sizeof_message);

	if (msg)
		type->message_init(msg);
	return msg;
}

struct level {
	const ProtobufCMessageDescriptor *type;
	const uint8_t *end;
	uint32_t seen[FIELDS_MAX];
};

/* Explicit stack: the depth of what the peer sends must not become the depth of ours. */
struct scan {
	struct level levels[PB_DEPTH_MAX];
	unsigned depth;
	struct err *err;
};

static int bad_field(struct scan *s, int num, const ProtobufCFieldDescriptor *field, const char *what)
{
	return err_say(s->err, num, "decode '%s.%s': %s", s->levels[s->depth - 1].type->name, field->name, what);
}

static int enter(struct scan *s, const ProtobufCMessageDescriptor *type, const uint8_t *end)
{
	struct level *l;

	if (s->depth == PB_DEPTH_MAX || type->n_fields > FIELDS_MAX)
		return err_say(s->err, EINVAL, "decode '%s': nested more than %d deep", type->name, PB_DEPTH_MAX);
	l = &s->levels[s->depth++];
	l->type = type;
	l->end = end;
	memset(l->seen, 0, type->n_fields * sizeof(l->seen[0]));
	return 0;
}

static enum wire_type natural_wire_type(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return WIRE_32BIT;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return WIRE_64BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WIRE_BYTES;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
		break;
	}
	return WIRE_VARINT;
}

/* How many elements a packed field brings; for varints the bytes that end one. */
static size_t packed_elements(enum wire_type type, const struct wire_field *f)
{
	size_t n = 0;

	if (type == WIRE_32BIT)
		return f->len / 4;
	if (type == WIRE_64BIT)
		return f->len / 8;
	for (size_t i = 0; i < f->len; i++)
		n += !(f->data[i] & 0x80);
	return n;
}

static int check_count(struct scan *s, const ProtobufCFieldDescriptor *field, size_t more)
{
	struct level *l = &s->levels[s->depth - 1];
	uint32_t *seen = &l->seen[field - l->type->fields];

	if (more > PB_LIST_MAX)
		more = PB_LIST_MAX + 1;
	*seen += (uint32_t)more;
	if (field->label == PROTOBUF_C_LABEL_REPEATED && *seen > PB_LIST_MAX)
		return bad_field(s, ENOBUFS, field, "too many elements");
	if (field->label != PROTOBUF_C_LABEL_REPEATED && field->type == PROTOBUF_C_TYPE_MESSAGE && *seen > 1)
		return bad_field(s, EINVAL, field, "given twice");
	return 0;
}

static int scan_field(struct scan *s, struct wire *w, const struct wire_field *f)
{
	const ProtobufCMessageDescriptor *type = s->levels[s->depth - 1].type;
	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, f->tag);
	enum wire_type natural;
	size_t elements = 1;
	int r;

	if (!field)
		return 0;
	natural = natural_wire_type(field->type);
	if (f->type != natural) {
		if (field->label != PROTOBUF_C_LABEL_REPEATED || f->type != WIRE_BYTES)
			return bad_field(s, EINVAL, field, "wrong wire type");
		elements = packed_elements(natural, f);
	}
	r = check_count(s, field, elements);
	if (r < 0)
		return r;
	if (field->type == PROTOBUF_C_TYPE_STRING) {
		if (memchr(f->data, '\0', f->len))
			return bad_field(s, EINVAL, field, "contains a NUL");
		if (!utf8_is_valid(f->data, f->len))
			return bad_field(s, EINVAL, field, "is not UTF-8");
	}
	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return 0;
	w->pos = f->data;
	w->end = f->data + f->len;
	return enter(s, field->descriptor, w->end);
}

static int scan_message(struct scan *s, struct wire *w)
{
	while (s->depth > 0) {
		struct level *l = &s->levels[s->depth - 1];
		struct wire_field f;
		int r;

		w->end = l->end;
		r = wire_next(w, &f);
		if (r < 0)
			return err_say(s->err, EINVAL, "decode '%s': malformed", l->type->name);
		if (r == 0)
			s->depth--;
		else
			r = scan_field(s, w, &f);
		if (r < 0)
			return r;
	}
	return 0;
}

int pb_unpack(const ProtobufCMessageDescriptor *type, struct arena *arena, const void *data, size_t len,
              ProtobufCMessage **ret, struct err *err)
{
	struct wire w = { .pos = data, .end = (const uint8_t *)data + len };
	struct scan s = { .err = err };
	ProtobufCMessage *msg;
	struct pbmem m;
	int r;

	r = enter(&s, type, w.end);
	if (r == 0)
		r = scan_message(&s, &w);
	if (r < 0)
		return r;
	pbmem_init(&m, arena);
	msg = protobuf_c_message_unpack(type, &m.base, len, data);
	if (!msg && m.failed == ENOBUFS)
		return err_say(err, ENOBUFS, "decode '%s': needs more than %zu bytes of memory", type->name,
		               arena->max);
	if (!msg && m.failed)
		return err_set(err, m.failed, "decode '%s'", type->name);
	if (!msg)
		return err_say(err, EINVAL, "decode '%s': malformed", type->name);
	*ret = msg;
	return 0;
}
