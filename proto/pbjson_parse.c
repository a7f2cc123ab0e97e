/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to messages. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/jsontext.h"
#include "proto/pbjson.h"
#include "proto/pbmem.h"

struct reader {
	struct arena *arena;
	struct jsontext_path path;
	struct err *err;
};

static int read_message(struct reader *r, const ProtobufCMessageDescriptor *type, struct json_object *json,
                        ProtobufCMessage **ret);

static int no_memory(struct reader *r)
{
	return jsontext_say(&r->path, r->err, ENOMEM, "%s", strerror(ENOMEM));
}

/* Is `key` the lowerCamelCase form of the field's name? */
static bool is_camel_form(const char *key, const char *name)
{
	bool upper = false;

	for (; *name; name++) {
		if (*name == '_') {
			upper = true;
			continue;
		}
		if (*key++ != (upper ? (char)toupper((unsigned char)*name) : *name))
			return false;
		upper = false;
	}
	return *key == '\0';
}

/* Is `key` the name with an underscore behind it, which is how generated Rust spells a field that is a keyword there?
 */
static bool is_rust_form(const char *key, const char *name)
{
	size_t n = strlen(name);

	return strncmp(key, name, n) == 0 && strcmp(key + n, "_") == 0;
}

const ProtobufCFieldDescriptor *pbjson_find_field(const ProtobufCMessageDescriptor *type, const char *key)
{
	for (unsigned i = 0; i < type->n_fields; i++)
		if (strcmp(type->fields[i].name, key) == 0 || is_rust_form(key, type->fields[i].name))
			return &type->fields[i];
	for (unsigned i = 0; i < type->n_fields; i++)
		if (is_camel_form(key, type->fields[i].name))
			return &type->fields[i];
	return NULL;
}

/*
 * A number given as a string or as a floating point number that is whole ("1e3" is a legal spelling), as a JSON
 * integer. The caller puts *ret.
 */
static int as_integer(struct reader *r, struct json_object *value, struct json_object **ret)
{
	struct json_object *number = NULL;
	const char *text;
	char *end = NULL;
	double d;

	if (json_object_is_type(value, json_type_string)) {
		text = json_object_get_string(value);
		errno = 0;
		if (text[0] == '-')
			number = json_object_new_int64(strtoll(text, &end, 10));
		else if (isdigit((unsigned char)text[0]))
			number = json_object_new_uint64(strtoull(text, &end, 10));
		if (!end || *end || errno) {
			(void)json_object_put(number);
			return jsontext_say(&r->path, r->err, EINVAL, "'%s' is no whole number", text);
		}
	} else if (json_object_is_type(value, json_type_double)) {
		d = json_object_get_double(value);
		/* beyond 2^53 a double no longer knows which number was meant */
		if (d >= -9007199254740992.0 && d <= 9007199254740992.0 && d == (double)(int64_t)d)
			number = json_object_new_int64((int64_t)d);
		else
			return jsontext_expected(&r->path, r->err, "a whole number", value);
	} else {
		number = json_object_get(value);
	}
	*ret = number;
	return 0;
}

static int read_signed(struct reader *r, struct json_object *value, bool wide, void *to)
{
	_autojson_ struct json_object *number = NULL;
	int64_t n = 0;
	int rc;

	rc = as_integer(r, value, &number);
	if (rc == 0)
		rc = jsontext_int64(&r->path, number, wide ? INT64_MIN : INT32_MIN, wide ? INT64_MAX : INT32_MAX, &n,
		                    r->err);
	if (rc < 0)
		return rc;
	if (wide)
		*(int64_t *)to = n;
	else
		*(int32_t *)to = (int32_t)n;
	return 0;
}

static int read_unsigned(struct reader *r, struct json_object *value, bool wide, void *to)
{
	_autojson_ struct json_object *number = NULL;
	uint64_t n = 0;
	int rc;

	rc = as_integer(r, value, &number);
	if (rc == 0)
		rc = jsontext_uint64(&r->path, number, wide ? UINT64_MAX : UINT32_MAX, &n, r->err);
	if (rc < 0)
		return rc;
	if (wide)
		*(uint64_t *)to = n;
	else
		*(uint32_t *)to = (uint32_t)n;
	return 0;
}

static int read_double(struct reader *r, struct json_object *value, double *ret)
{
	if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
		return jsontext_expected(&r->path, r->err, "a number", value);
	*ret = json_object_get_double(value);
	return 0;
}

static int read_bool(struct reader *r, struct json_object *value, protobuf_c_boolean *ret)
{
	if (!json_object_is_type(value, json_type_boolean))
		return jsontext_expected(&r->path, r->err, "true or false", value);
	*ret = json_object_get_boolean(value);
	return 0;
}

static int read_enum(struct reader *r, const ProtobufCEnumDescriptor *type, struct json_object *value, int *ret)
{
	const ProtobufCEnumValue *v;

	if (!json_object_is_type(value, json_type_string))
		return read_signed(r, value, false, ret);
	v = protobuf_c_enum_descriptor_get_value_by_name(type, json_object_get_string(value));
	if (!v)
		return jsontext_say(&r->path, r->err, EINVAL, "unknown value '%s'", json_object_get_string(value));
	*ret = v->value;
	return 0;
}

/* [104, 105] is how JSON made by serde spells bytes. */
static int read_byte_array(struct reader *r, struct json_object *array, ProtobufCBinaryData *ret)
{
	size_t n = json_object_array_length(array);
	uint8_t *data = arena_alloc(r->arena, n > 0 ? n : 1);

	if (!data)
		return no_memory(r);
	for (size_t i = 0; i < n; i++) {
		size_t old = jsontext_path_push_index(&r->path, i);
		uint64_t byte = 0;
		int rc;

		rc = jsontext_uint64(&r->path, json_object_array_get_idx(array, i), UINT8_MAX, &byte, r->err);
		if (rc < 0)
			return rc;
		data[i] = (uint8_t)byte;
		jsontext_path_pop(&r->path, old);
	}
	*ret = (ProtobufCBinaryData){ .data = data, .len = n };
	return 0;
}

static int read_bytes(struct reader *r, struct json_object *value, ProtobufCBinaryData *ret)
{
	const char *s = NULL;
	uint8_t *data;
	ssize_t n;
	int rc;

	if (json_object_is_type(value, json_type_array))
		return read_byte_array(r, value, ret);
	rc = jsontext_string(&r->path, value, &s, r->err);
	if (rc < 0)
		return rc;
	data = arena_alloc(r->arena, base64_decoded_max(strlen(s)));
	if (!data)
		return no_memory(r);
	n = base64_decode(s, strlen(s), data);
	if (n < 0)
		return jsontext_say(&r->path, r->err, EINVAL, "is not base64");
	*ret = (ProtobufCBinaryData){ .data = data, .len = (size_t)n };
	return 0;
}

static int read_value(struct reader *r, const ProtobufCFieldDescriptor *field, struct json_object *value, void *to)
{
	double d = 0;
	int rc;

	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return read_signed(r, value, false, to);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return read_signed(r, value, true, to);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return read_unsigned(r, value, false, to);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return read_unsigned(r, value, true, to);
	case PROTOBUF_C_TYPE_DOUBLE:
		return read_double(r, value, to);
	case PROTOBUF_C_TYPE_FLOAT:
		rc = read_double(r, value, &d);
		if (rc == 0)
			*(float *)to = (float)d;
		return rc;
	case PROTOBUF_C_TYPE_BOOL:
		return read_bool(r, value, to);
	case PROTOBUF_C_TYPE_ENUM:
		return read_enum(r, field->descriptor, value, to);
	case PROTOBUF_C_TYPE_STRING:
		return jsontext_strdup(&r->path, value, r->arena, to, r->err);
	case PROTOBUF_C_TYPE_BYTES:
		return read_bytes(r, value, to);
	case PROTOBUF_C_TYPE_MESSAGE:
		return read_message(r, field->descriptor, value, to);
	}
	return -EINVAL;
}

static int check_length(struct reader *r, size_t n)
{
	return n > PB_LIST_MAX ? jsontext_say(&r->path, r->err, E2BIG, "more than %d elements", PB_LIST_MAX) : 0;
}

static int read_list(struct reader *r, const ProtobufCFieldDescriptor *field, struct json_object *value, void **ret,
                     size_t *ret_n)
{
	size_t n, size = pbjson_value_size(field->type);
	char *v;
	int rc;

	if (!json_object_is_type(value, json_type_array))
		return jsontext_expected(&r->path, r->err, "an array", value);
	n = json_object_array_length(value);
	rc = check_length(r, n);
	if (rc < 0)
		return rc;
	v = arena_array(r->arena, n, size);
	if (!v)
		return no_memory(r);
	for (size_t i = 0; i < n; i++) {
		size_t old = jsontext_path_push_index(&r->path, i);

		rc = read_value(r, field, json_object_array_get_idx(value, i), v + i * size);
		if (rc < 0)
			return rc;
		jsontext_path_pop(&r->path, old);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

/* An object's member as an entry message {key, value}. */
static int read_entry(struct reader *r, const ProtobufCMessageDescriptor *type, const char *key,
                      struct json_object *value, ProtobufCMessage **ret)
{
	_autojson_ struct json_object *name = json_object_new_string(key);
	ProtobufCMessage *entry = pb_new(type, r->arena);
	int rc;

	if (!entry || !name)
		return no_memory(r);
	rc = read_value(r, &type->fields[0], name, (char *)entry + type->fields[0].offset);
	if (rc == 0)
		rc = read_value(r, &type->fields[1], value, (char *)entry + type->fields[1].offset);
	if (rc == 0)
		*ret = entry;
	return rc;
}

static int read_map(struct reader *r, const ProtobufCFieldDescriptor *field, struct json_object *value, void **ret,
                    size_t *ret_n)
{
	ProtobufCMessage **v;
	size_t n = 0;
	int rc;

	if (!json_object_is_type(value, json_type_object))
		return jsontext_expected(&r->path, r->err, "an object", value);
	rc = check_length(r, (size_t)json_object_object_length(value));
	if (rc < 0)
		return rc;
	v = arena_array(r->arena, (size_t)json_object_object_length(value), sizeof(*v));
	if (!v)
		return no_memory(r);
	json_object_object_foreach(value, key, element)
	{
		size_t old = jsontext_path_push(&r->path, key);

		rc = read_entry(r, field->descriptor, key, element, &v[n]);
		if (rc < 0)
			return rc;
		n++;
		jsontext_path_pop(&r->path, old);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

static int read_field(struct reader *r, const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field,
                      struct json_object *value, ProtobufCMessage *msg)
{
	void *to = (char *)msg + field->offset, *quantifier = (char *)msg + field->quantifier_offset;
	int rc;

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return pbjson_is_map(type, field) ? read_map(r, field, value, to, quantifier)
		                                  : read_list(r, field, value, to, quantifier);
	rc = read_value(r, field, value, to);
	if (rc == 0 && field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		*(uint32_t *)quantifier = field->id;
	return rc;
}

static int read_message(struct reader *r, const ProtobufCMessageDescriptor *type, struct json_object *json,
                        ProtobufCMessage **ret)
{
	ProtobufCMessage *msg;

	if (!json_object_is_type(json, json_type_object))
		return jsontext_expected(&r->path, r->err, "an object", json);
	msg = pb_new(type, r->arena);
	if (!msg)
		return no_memory(r);
	json_object_object_foreach(json, key, value)
	{
		const ProtobufCFieldDescriptor *field = pbjson_find_field(type, key);
		size_t old = jsontext_path_push(&r->path, key);
		int rc;

		if (!field)
			return jsontext_say(&r->path, r->err, EINVAL, "'%s' has no such field", type->name);
		rc = value ? read_field(r, type, field, value, msg) : 0;
		if (rc < 0)
			return rc;
		jsontext_path_pop(&r->path, old);
	}
	*ret = msg;
	return 0;
}

int pbjson_parse(const ProtobufCMessageDescriptor *type, struct arena *arena, const char *text, size_t len,
                 ProtobufCMessage **ret, struct err *err)
{
	struct reader r = { .arena = arena, .err = err };
	_autojson_ struct json_object *json = NULL;
	int rc;

	rc = jsontext_parse(text, len, &json, err);
	return rc < 0 ? rc : read_message(&r, type, json, ret);
}
