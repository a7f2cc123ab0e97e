/* SPDX-License-Identifier: Apache-2.0 */
/* The printer behind the tables: structs to JSON. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "lib/oci_table.h"

static struct json_object *format_strings(const struct oci_strings *s)
{
	_autojson_ struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < s->n; i++)
		if (jsontext_append(array, json_object_new_string(s->v[i])) < 0)
			return NULL;
	return take_ptr(&array);
}

static struct json_object *format_pairs(const struct oci_pairs *p)
{
	_autojson_ struct json_object *object = json_object_new_object();

	for (size_t i = 0; object && i < p->n; i++)
		if (jsontext_add(object, p->v[i].key, json_object_new_string(p->v[i].value)) < 0)
			return NULL;
	return take_ptr(&object);
}

static struct json_object *format_u32_list(const uint32_t *v, size_t n)
{
	_autojson_ struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < n; i++)
		if (jsontext_append(array, json_object_new_uint64(v[i])) < 0)
			return NULL;
	return take_ptr(&array);
}

static struct json_object *format_list(const struct oci_table *table, const char *v, size_t n)
{
	_autojson_ struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < n; i++)
		if (jsontext_append(array, oci_table_format(table, v + i * table->size)) < 0)
			return NULL;
	return take_ptr(&array);
}

static struct json_object *format_number(const struct oci_member *m, const char *object)
{
	const void *p = object + m->offset;
	uint64_t n;

	if (m->kind == OCI_KIND_INT)
		return json_object_new_int64(*(const int *)p);
	if (m->kind == OCI_KIND_I64)
		return json_object_new_int64(*(const int64_t *)p);
	if (m->kind == OCI_KIND_U16)
		n = *(const uint16_t *)p;
	else if (m->kind == OCI_KIND_U32)
		n = *(const uint32_t *)p;
	else
		n = *(const uint64_t *)p;
	return json_object_new_uint64(n);
}

static bool number_is_set(const struct oci_member *m, const char *object)
{
	static const char zeroes[sizeof(uint64_t)];
	size_t size = sizeof(uint64_t);

	if (m->aside)
		return *(const bool *)(object + m->aside - 1);
	if (m->kind == OCI_KIND_INT || m->kind == OCI_KIND_U32)
		size = sizeof(uint32_t);
	else if (m->kind == OCI_KIND_U16)
		size = sizeof(uint16_t);
	return m->required || m->always || memcmp(object + m->offset, zeroes, size) != 0;
}

/* *ret stays NULL for a member that is left out. */
static int format_member(const struct oci_member *m, const char *object, struct json_object **ret)
{
	const void *p = object + m->offset;
	const void *pointer;

	switch (m->kind) {
	case OCI_KIND_BOOL:
		if (!*(const bool *)p && !m->required && !m->always)
			return 0;
		*ret = json_object_new_boolean(*(const bool *)p);
		break;
	case OCI_KIND_INT:
	case OCI_KIND_I64:
	case OCI_KIND_U16:
	case OCI_KIND_U32:
	case OCI_KIND_U64:
		if (!number_is_set(m, object))
			return 0;
		*ret = format_number(m, object);
		break;
	case OCI_KIND_STRING:
		pointer = *(char *const *)p;
		if (!pointer)
			return 0;
		*ret = json_object_new_string(pointer);
		break;
	case OCI_KIND_STRINGS:
		if (((const struct oci_strings *)p)->n == 0)
			return 0;
		*ret = format_strings(p);
		break;
	case OCI_KIND_PAIRS:
		if (((const struct oci_pairs *)p)->n == 0)
			return 0;
		*ret = format_pairs(p);
		break;
	case OCI_KIND_U32_LIST:
		if (*(const size_t *)(object + m->aside) == 0)
			return 0;
		*ret = format_u32_list(*(uint32_t *const *)p, *(const size_t *)(object + m->aside));
		break;
	case OCI_KIND_LIST:
		if (*(const size_t *)(object + m->aside) == 0)
			return 0;
		*ret = format_list(m->table, *(char *const *)p, *(const size_t *)(object + m->aside));
		break;
	case OCI_KIND_STRUCT:
		*ret = oci_table_format(m->table, p);
		/* members of the outer struct: an object that has none of them was not given */
		if (*ret && json_object_object_length(*ret) == 0)
			*ret = (json_object_put(*ret), NULL);
		else if (!*ret)
			return -ENOMEM;
		return 0;
	case OCI_KIND_POINTER:
		memcpy(&pointer, p, sizeof(pointer));
		if (!pointer)
			return 0;
		*ret = oci_table_format(m->table, pointer);
		break;
	case OCI_KIND_CUSTOM:
		*ret = m->custom->format(p);
		return 0;
	}
	return *ret ? 0 : -ENOMEM;
}

struct json_object *oci_table_format(const struct oci_table *table, const void *object)
{
	_autojson_ struct json_object *json = json_object_new_object();

	for (size_t i = 0; json && i < table->n; i++) {
		struct json_object *value = NULL;

		if (format_member(&table->members[i], object, &value) < 0)
			return NULL;
		if (value && jsontext_add(json, table->members[i].name, value) < 0)
			return NULL;
	}
	return take_ptr(&json);
}
