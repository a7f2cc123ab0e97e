/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/fieldpath.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pbjson.h"

#define NAME_MAX_BYTES 64

/* --- reading ----------------------------------------------------------------------------------------------------- */

struct reader {
	struct arena *arena;
	const char *text; /* the whole path */
	const char *at;
	struct err *err;
};

static int bad(const struct reader *r, const char *why)
{
	return err_say(r->err, EINVAL, "field path '%s': at byte %zu: %s", r->text, (size_t)(r->at - r->text), why);
}

static int read_name(struct reader *r, const ProtobufCMessageDescriptor *type, struct fieldpath_step *step)
{
	size_t n = strcspn(r->at, ".[");
	char name[NAME_MAX_BYTES];

	if (n == 0 || n >= sizeof(name))
		return bad(r, "the name of a field was expected");
	memcpy(name, r->at, n);
	name[n] = '\0';
	step->field = pbjson_find_field(type, name);
	if (!step->field)
		return err_say(r->err, EINVAL, "field path '%s': '%s' has no field '%s'", r->text, type->name, name);
	step->is_map = pbjson_is_map(type, step->field);
	r->at += n;
	return 0;
}

/* "KEY" with \" and \\ inside. */
static int read_key(struct reader *r, struct fieldpath_step *step)
{
	char *key = arena_alloc(r->arena, strlen(r->at) + 1);
	size_t n = 0;

	if (!key)
		return err_set(r->err, ENOMEM, "read the field path '%s'", r->text);
	for (r->at++; *r->at && *r->at != '"'; r->at++) {
		if (*r->at == '\\' && r->at[1])
			r->at++;
		key[n++] = *r->at;
	}
	if (*r->at != '"')
		return bad(r, "the key has no end");
	r->at++;
	step->key = key;
	step->pick = FIELDPATH_KEY;
	return 0;
}

static int read_index(struct reader *r, struct fieldpath_step *step)
{
	char *end;
	unsigned long n;

	if (!isdigit((unsigned char)*r->at))
		return bad(r, "a number, \"a key\", * or # was expected");
	errno = 0;
	n = strtoul(r->at, &end, 10);
	if (errno || n > UINT32_MAX)
		return bad(r, "the number is too large");
	r->at = end;
	step->index = n;
	step->pick = FIELDPATH_INDEX;
	return 0;
}

static int read_pick(struct reader *r, struct fieldpath_step *step)
{
	bool is_list = step->field->label == PROTOBUF_C_LABEL_REPEATED;
	int ret = 0;

	if (*r->at != '[')
		return is_list ? bad(r, "a list or map needs [*], [#] or which one") : 0;
	if (!is_list)
		return bad(r, "the field is no list and no map");
	r->at++;
	if (*r->at == '*' || *r->at == '#')
		step->pick = *r->at++ == '*' ? FIELDPATH_EACH : FIELDPATH_COUNT;
	else
		ret = *r->at == '"' ? read_key(r, step) : read_index(r, step);
	if (ret < 0)
		return ret;
	if (*r->at != ']')
		return bad(r, "']' was expected");
	r->at++;
	if ((step->pick == FIELDPATH_KEY && !step->is_map) || (step->pick == FIELDPATH_INDEX && step->is_map))
		return bad(r, step->is_map ? "a map has keys, not numbers" : "a list has numbers, not keys");
	return 0;
}

/* The field that a picked element is: of a map, its value. */
static const ProtobufCFieldDescriptor *leaf_of(const struct fieldpath_step *step)
{
	const ProtobufCMessageDescriptor *entry;

	if (!step->is_map)
		return step->field;
	entry = step->field->descriptor;
	return &entry->fields[1];
}

/* *ret_type becomes what the next step is to be found in, NULL at the end. */
static int read_step(struct reader *r, const ProtobufCMessageDescriptor **type, struct fieldpath_step *step)
{
	const ProtobufCFieldDescriptor *leaf;
	int ret = read_name(r, *type, step);

	if (ret == 0)
		ret = read_pick(r, step);
	if (ret < 0)
		return ret;
	leaf = leaf_of(step);
	if (*r->at == '\0') {
		if (step->pick != FIELDPATH_COUNT && leaf->type == PROTOBUF_C_TYPE_MESSAGE)
			return bad(r, "this is a message: name one of its fields");
		if (step->pick != FIELDPATH_COUNT && leaf->type == PROTOBUF_C_TYPE_BYTES)
			return bad(r, "bytes cannot be compared");
		*type = NULL;
		return 0;
	}
	if (*r->at != '.' || step->pick == FIELDPATH_COUNT || leaf->type != PROTOBUF_C_TYPE_MESSAGE)
		return bad(r, "nothing can follow here");
	r->at++;
	*type = leaf->descriptor;
	return 0;
}

int fieldpath_parse(struct arena *arena, const ProtobufCMessageDescriptor *type, const char *text,
                    struct fieldpath *ret, struct err *err)
{
	struct fieldpath_step steps[FIELDPATH_STEPS_MAX];
	struct reader r = { .arena = arena, .err = err };
	struct fieldpath path = { .n_steps = 0 };

	r.text = r.at = path.text = arena_strdup(arena, text);
	if (!r.text)
		return err_set(err, ENOMEM, "read a field path");
	while (type) {
		int result;

		if (path.n_steps == FIELDPATH_STEPS_MAX)
			return bad(&r, "the path is too long");
		steps[path.n_steps] = (struct fieldpath_step){ .pick = FIELDPATH_SINGLE };
		result = read_step(&r, &type, &steps[path.n_steps++]);
		if (result < 0)
			return result;
	}
	path.steps = arena_memdup(arena, steps, path.n_steps * sizeof(*steps));
	if (!path.steps)
		return err_set(err, ENOMEM, "read a field path");
	*ret = path;
	return 0;
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

struct walk {
	const struct fieldpath *path;
	fieldpath_accept accept;
	void *arg;
};

static bool visit(const struct walk *walk, size_t depth, const ProtobufCMessage *msg);

static bool accept_number(const struct walk *walk, long long n)
{
	char text[FIELDPATH_NUMBER_MAX];

	(void)snprintf(text, sizeof(text), "%lld", n);
	return walk->accept(walk->arg, text);
}

static bool accept_unsigned(const struct walk *walk, unsigned long long n)
{
	char text[FIELDPATH_NUMBER_MAX];

	(void)snprintf(text, sizeof(text), "%llu", n);
	return walk->accept(walk->arg, text);
}

static bool accept_enum(const struct walk *walk, const ProtobufCEnumDescriptor *type, int n)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(type, n);

	return v ? walk->accept(walk->arg, v->name) : accept_number(walk, n);
}

/* The value at p; NULL = it is not there. */
static bool visit_value(const struct walk *walk, size_t depth, const ProtobufCFieldDescriptor *field, const void *p)
{
	static const uint64_t nothing[2];
	const void *v = p ? p : nothing;
	const char *s;

	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return accept_number(walk, *(const int32_t *)v);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return accept_number(walk, *(const int64_t *)v);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return accept_unsigned(walk, *(const uint32_t *)v);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return accept_unsigned(walk, *(const uint64_t *)v);
	case PROTOBUF_C_TYPE_BOOL:
		return walk->accept(walk->arg, *(const protobuf_c_boolean *)v ? "true" : "false");
	case PROTOBUF_C_TYPE_ENUM:
		return accept_enum(walk, field->descriptor, *(const int *)v);
	case PROTOBUF_C_TYPE_STRING:
		s = *(char *const *)v;
		return walk->accept(walk->arg, s ? s : "");
	case PROTOBUF_C_TYPE_MESSAGE:
		return visit(walk, depth + 1, *(ProtobufCMessage *const *)v);
	case PROTOBUF_C_TYPE_FLOAT: /* the protocol has none */
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_BYTES:
		break;
	}
	return false;
}

static bool visit_element(const struct walk *walk, size_t depth, const char *list, size_t i)
{
	const struct fieldpath_step *step = &walk->path->steps[depth];
	const ProtobufCFieldDescriptor *leaf = leaf_of(step);
	const char *element = list + i * pbjson_value_size(step->field->type);

	if (step->is_map)
		element = *(const char *const *)element + leaf->offset;
	return visit_value(walk, depth, leaf, element);
}

static bool has_key(const struct fieldpath_step *step, const char *entry)
{
	const ProtobufCMessageDescriptor *type = step->field->descriptor;
	const char *key;

	if (type->fields[0].type != PROTOBUF_C_TYPE_STRING)
		return false;
	key = *(char *const *)(entry + type->fields[0].offset);
	return strcmp(key ? key : "", step->key) == 0;
}

/* A key that is given twice is looked at twice: who reads the map may take either. */
static bool visit_list(const struct walk *walk, size_t depth, const char *list, size_t n)
{
	const struct fieldpath_step *step = &walk->path->steps[depth];
	bool found = false;

	if (step->pick == FIELDPATH_COUNT)
		return accept_unsigned(walk, n);
	if (step->pick == FIELDPATH_INDEX)
		return step->index < n ? visit_element(walk, depth, list, step->index)
		                       : visit_value(walk, depth, leaf_of(step), NULL);
	for (size_t i = 0; i < n; i++) {
		if (step->pick == FIELDPATH_KEY && !has_key(step, ((const char *const *)(const void *)list)[i]))
			continue;
		found = true;
		if (!visit_element(walk, depth, list, i))
			return false;
	}
	return found || step->pick == FIELDPATH_EACH || visit_value(walk, depth, leaf_of(step), NULL);
}

static bool visit(const struct walk *walk, size_t depth, const ProtobufCMessage *msg)
{
	const struct fieldpath_step *step = &walk->path->steps[depth];
	const ProtobufCFieldDescriptor *field = step->field;
	const char *p = msg ? (const char *)msg + field->offset : NULL;
	const char *quantifier = msg ? (const char *)msg + field->quantifier_offset : NULL;

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return visit_list(walk, depth, p ? *(const char *const *)(const void *)p : NULL,
		                  quantifier ? *(const size_t *)(const void *)quantifier : 0);
	if (p && field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF && *(const uint32_t *)(const void *)quantifier != field->id)
		p = NULL;
	return visit_value(walk, depth, field, p);
}

bool fieldpath_each(const struct fieldpath *path, const ProtobufCMessage *msg, fieldpath_accept accept, void *arg)
{
	const struct walk walk = { path, accept, arg };

	return visit(&walk, 0, msg);
}
