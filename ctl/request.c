/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/request.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ctl/ident.h"
#include "lib/base64.h"
#include "lib/jsontext.h"
#include "proto/pbjson.h"

#define HEX_BYTES "hex:"

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type, const char *name)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		if (strcasecmp(type->fields[i].name, name) == 0)
			return &type->fields[i];
	}
	return NULL;
}

static struct json_object *find_member(struct json_object *request, const ProtobufCMessageDescriptor *type,
                                       const ProtobufCFieldDescriptor *field)
{
	json_object_object_foreach(request, key, value)
	{
		if (pbjson_find_field(type, key) == field && value)
			return value;
	}
	return NULL;
}

bool request_has(struct json_object *request, const ProtobufCMessageDescriptor *type, const char *name)
{
	const ProtobufCFieldDescriptor *field = find_field(type, name);

	return field && find_member(request, type, field);
}

const char *request_text(struct json_object *request, const ProtobufCMessageDescriptor *type, const char *name)
{
	const ProtobufCFieldDescriptor *field = find_field(type, name);
	struct json_object *value = field ? find_member(request, type, field) : NULL;

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static struct json_object *from_bytes(const uint8_t *data, size_t n)
{
	_autofree_ char *text = malloc(base64_encoded_size(n) + 1);

	if (!text)
		return NULL;
	base64_encode(data, n, text);
	return json_object_new_string(text);
}

static int digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c != '\0' ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -EINVAL;
}

static int parse_hex(const char *text, struct json_object **ret)
{
	size_t n = strlen(text) / 2;
	_autofree_ uint8_t *data = malloc(n + 1);

	if (!data)
		return -ENOMEM;
	if (strlen(text) % 2 != 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		data[i] = (uint8_t)(high << 4 | low);
	}
	*ret = from_bytes(data, n);
	return 0;
}

static int parse_bytes(const char *text, struct json_object **ret)
{
	size_t prefix = strlen(HEX_BYTES);

	if (strncmp(text, HEX_BYTES, prefix) == 0)
		return parse_hex(text + prefix, ret);
	*ret = from_bytes((const uint8_t *)text, strlen(text));
	return 0;
}

static int parse_bool(const char *text, struct json_object **ret)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = { { "true", true },   { "yes", true }, { "1", true },  { "on", true },
		      { "false", false }, { "no", false }, { "0", false }, { "off", false } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			*ret = json_object_new_boolean(words[i].value);
			return 0;
		}
	}
	return -EINVAL;
}

/* Addresses of memory are hexadecimal with or without 0x. The reader of the JSON knows a number's limits. */
static int parse_number(const ProtobufCFieldDescriptor *field, const char *text, struct json_object **ret)
{
	bool is_hex = strncasecmp(text, "0x", 2) == 0, is_address = strcasecmp(field->name, "memHotplugProbeAddr") == 0;
	unsigned long long value;
	char decimal[24], *end;

	if (strcmp(field->name, "signal") == 0 && !isdigit((unsigned char)text[0])) {
		int number = ident_parse_signal(text);

		if (number < 0)
			return number;
		*ret = json_object_new_int(number);
		return 0;
	}
	if (!is_hex && !is_address) {
		*ret = json_object_new_string(text);
		return 0;
	}
	errno = 0;
	value = strtoull(text, &end, 16);
	if (errno != 0 || *end != '\0' || !isxdigit((unsigned char)text[is_hex ? 2 : 0]))
		return -EINVAL;
	(void)snprintf(decimal, sizeof(decimal), "%llu", value);
	*ret = json_object_new_string(decimal);
	return 0;
}

/* 0 and *ret NULL: out of memory. */
static int parse_value(const ProtobufCFieldDescriptor *field, const char *text, struct json_object **ret)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_BOOL:
		return parse_bool(text, ret);
	case PROTOBUF_C_TYPE_BYTES:
		return parse_bytes(text, ret);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_ENUM:
		*ret = json_object_new_string(text);
		return 0;
	case PROTOBUF_C_TYPE_MESSAGE:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
		return -ENOTSUP;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		break;
	}
	return parse_number(field, text, ret);
}

static int parse_list(const ProtobufCFieldDescriptor *field, const char *text, struct json_object **ret)
{
	_autofree_ char *copy = strdup(text);
	_autojson_ struct json_object *list = json_object_new_array();
	char *rest = copy, *word;

	while (list && (word = strsep(&rest, ",")) != NULL) {
		struct json_object *value = NULL;
		int r = parse_value(field, word, &value);

		if (r < 0)
			return r;
		if (!value || json_object_array_add(list, value) < 0) {
			(void)json_object_put(value);
			return -ENOMEM;
		}
	}
	*ret = take_ptr(&list);
	return 0;
}

static int add_field(struct json_object *request, const ProtobufCFieldDescriptor *field, const char *text,
                     struct err *err)
{
	struct json_object *value = NULL;
	int r;

	r = field->label == PROTOBUF_C_LABEL_REPEATED ? parse_list(field, text, &value)
	                                              : parse_value(field, text, &value);
	if (r == -ENOTSUP)
		return err_say(err, EINVAL, "'%s' is more than a value, give it by json://{...}", field->name);
	if (r == -EINVAL)
		return err_say(err, EINVAL, "%s: '%s' makes no sense", field->name, text);
	if (r == 0 && value && json_object_object_add(request, field->name, value) == 0)
		return 0;
	(void)json_object_put(value);
	return err_set(err, ENOMEM, "field '%s'", field->name);
}

int request_add(struct json_object *request, const ProtobufCMessageDescriptor *type, const char *name, const char *text,
                struct err *err)
{
	const ProtobufCFieldDescriptor *field = find_field(type, name);

	if (!field || find_member(request, type, field))
		return 0;
	return add_field(request, field, text, err);
}

int request_fill(struct json_object *request, const ProtobufCMessageDescriptor *type, const struct values *values,
                 struct err *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < type->n_fields; i++) {
		const char *text = values_get(values, type->fields[i].name);

		if (text && !find_member(request, type, &type->fields[i]))
			r = add_field(request, &type->fields[i], text, err);
	}
	return r;
}
