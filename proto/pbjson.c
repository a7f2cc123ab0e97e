/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to JSON, and what both directions know about types. */
#include "proto/pbjson.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/jsontext.h"

bool pbjson_is_map(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *entry = field->descriptor;
	size_t outer = strlen(type->name), n;

	if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE)
		return false;
	/* protobuf-c does not say so, but protoc names the message of a map's entries Outer.FieldEntry */
	n = strlen(entry->name);
	return n > outer + 5 && strncmp(entry->name, type->name, outer) == 0 && entry->name[outer] == '.' &&
	       strcmp(entry->name + n - 5, "Entry") == 0 && entry->n_fields == 2 &&
	       strcmp(entry->fields[0].name, "key") == 0 && strcmp(entry->fields[1].name, "value") == 0;
}

size_t pbjson_value_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return sizeof(uint32_t);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return sizeof(uint64_t);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_ENUM:
		return sizeof(int);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		break;
	}
	return sizeof(void *);
}

static struct json_object *format_message(const ProtobufCMessage *msg, unsigned flags);

static struct json_object *format_bytes(const ProtobufCBinaryData *data)
{
	_autofree_ char *text = malloc(base64_encoded_size(data->len) + 1);

	if (!text)
		return NULL;
	base64_encode(data->data, data->len, text);
	return json_object_new_string(text);
}

static struct json_object *format_enum(const ProtobufCEnumDescriptor *type, int n)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(type, n);

	return v ? json_object_new_string(v->name) : json_object_new_int(n);
}

/* 64-bit numbers are strings: a JSON reader with doubles would change them. */
static struct json_object *format_wide(const void *p, bool is_signed)
{
	char text[24];

	if (is_signed)
		(void)snprintf(text, sizeof(text), "%lld", (long long)*(const int64_t *)p);
	else
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)*(const uint64_t *)p);
	return json_object_new_string(text);
}

static struct json_object *format_value(const ProtobufCFieldDescriptor *field, const void *p, unsigned flags)
{
	const char *s;

	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return json_object_new_int(*(const int32_t *)p);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return format_wide(p, true);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return json_object_new_int64(*(const uint32_t *)p);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return format_wide(p, false);
	case PROTOBUF_C_TYPE_DOUBLE:
		return json_object_new_double(*(const double *)p);
	case PROTOBUF_C_TYPE_FLOAT:
		return json_object_new_double(*(const float *)p);
	case PROTOBUF_C_TYPE_BOOL:
		return json_object_new_boolean(*(const protobuf_c_boolean *)p);
	case PROTOBUF_C_TYPE_ENUM:
		return format_enum(field->descriptor, *(const int *)p);
	case PROTOBUF_C_TYPE_STRING:
		s = *(char *const *)p;
		return json_object_new_string(s ? s : "");
	case PROTOBUF_C_TYPE_BYTES:
		return format_bytes(p);
	case PROTOBUF_C_TYPE_MESSAGE:
		return format_message(*(ProtobufCMessage *const *)p, flags);
	}
	return NULL;
}

static struct json_object *format_list(const ProtobufCFieldDescriptor *field, const char *v, size_t n, unsigned flags)
{
	_autojson_ struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < n; i++) {
		struct json_object *value = format_value(field, v + i * pbjson_value_size(field->type), flags);

		if (!value || json_object_array_add(array, value) < 0) {
			(void)json_object_put(value);
			return NULL;
		}
	}
	return take_ptr(&array);
}

static struct json_object *format_map(const ProtobufCFieldDescriptor *field, ProtobufCMessage *const *v, size_t n,
                                      unsigned flags)
{
	const ProtobufCMessageDescriptor *entry = field->descriptor;
	_autojson_ struct json_object *object = json_object_new_object();

	for (size_t i = 0; object && i < n; i++) {
		_autojson_ struct json_object *key =
			format_value(&entry->fields[0], (const char *)v[i] + entry->fields[0].offset, flags);
		const void *value = (const char *)v[i] + entry->fields[1].offset;

		if (!key)
			return NULL;
		/* an entry without its value means the default, also where that is a message */
		if (entry->fields[1].type == PROTOBUF_C_TYPE_MESSAGE && !*(ProtobufCMessage *const *)value) {
			if (jsontext_add(object, json_object_get_string(key), json_object_new_object()) < 0)
				return NULL;
			continue;
		}
		if (jsontext_add(object, json_object_get_string(key), format_value(&entry->fields[1], value, flags)) <
		    0)
			return NULL;
	}
	return take_ptr(&object);
}

static bool is_default(const ProtobufCFieldDescriptor *field, const void *p)
{
	static const char zeroes[sizeof(ProtobufCBinaryData)];
	const char *s;

	if (field->type == PROTOBUF_C_TYPE_STRING) {
		s = *(char *const *)p;
		return !s || !s[0];
	}
	if (field->type == PROTOBUF_C_TYPE_BYTES)
		return ((const ProtobufCBinaryData *)p)->len == 0;
	return memcmp(p, zeroes, pbjson_value_size(field->type)) == 0;
}

/* Is the field printed, given the flags? */
static bool is_shown(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *msg, unsigned flags)
{
	const void *p = (const char *)msg + field->offset, *quantifier = (const char *)msg + field->quantifier_offset;
	bool defaults = flags & PBJSON_DEFAULTS;

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return defaults || *(const size_t *)quantifier > 0;
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *(const uint32_t *)quantifier == field->id;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(ProtobufCMessage *const *)p != NULL;
	return defaults || !is_default(field, p);
}

static struct json_object *format_field(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *msg,
                                        unsigned flags)
{
	const void *p = (const char *)msg + field->offset;
	size_t n;

	if (field->label != PROTOBUF_C_LABEL_REPEATED)
		return format_value(field, p, flags);
	n = *(const size_t *)((const char *)msg + field->quantifier_offset);
	if (pbjson_is_map(msg->descriptor, field))
		return format_map(field, *(ProtobufCMessage *const *const *)p, n, flags);
	return format_list(field, *(char *const *)p, n, flags);
}

static struct json_object *format_message(const ProtobufCMessage *msg, unsigned flags)
{
	const ProtobufCMessageDescriptor *type = msg->descriptor;
	_autojson_ struct json_object *object = json_object_new_object();

	for (unsigned i = 0; object && i < type->n_fields; i++)
		if (is_shown(&type->fields[i], msg, flags) &&
		    jsontext_add(object, type->fields[i].name, format_field(&type->fields[i], msg, flags)) < 0)
			return NULL;
	return take_ptr(&object);
}

int pbjson_format_with(const ProtobufCMessage *msg, unsigned flags, struct buf *out, struct err *err)
{
	_autojson_ struct json_object *json = format_message(msg, flags);
	int style = JSON_C_TO_STRING_NOSLASHESCAPE;
	const char *text = NULL;
	int r = -ENOMEM;

	if (flags & PBJSON_PRETTY)
		style |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	if (json)
		text = json_object_to_json_string_ext(json, style);
	if (text)
		r = buf_add(out, text, strlen(text));
	return r < 0 ? err_set(err, -r, "print '%s' as JSON", msg->descriptor->name) : 0;
}

int pbjson_format(const ProtobufCMessage *msg, struct buf *out, struct err *err)
{
	return pbjson_format_with(msg, 0, out, err);
}
