/* SPDX-License-Identifier: Apache-2.0 */
/* The parser behind the tables: JSON to structs. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "lib/oci_table.h"

static int no_memory(struct oci_reader *r)
{
	return jsontext_say(&r->path, r->err, ENOMEM, "%s", strerror(ENOMEM));
}

int oci_read_string(struct oci_reader *r, struct json_object *value, char **ret)
{
	return jsontext_strdup(&r->path, value, r->arena, ret, r->err);
}

static int check_array(struct oci_reader *r, struct json_object *value, size_t *ret_n)
{
	size_t n;

	if (!json_object_is_type(value, json_type_array))
		return jsontext_expected(&r->path, r->err, "an array", value);
	n = json_object_array_length(value);
	if (n > OCI_LIST_MAX)
		return jsontext_say(&r->path, r->err, E2BIG, "more than %d elements", OCI_LIST_MAX);
	*ret_n = n;
	return 0;
}

static int read_strings(struct oci_reader *r, struct json_object *value, struct oci_strings *ret)
{
	size_t n = 0;
	char **v;
	int rc;

	rc = check_array(r, value, &n);
	if (rc < 0)
		return rc;
	v = arena_array(r->arena, n + 1, sizeof(*v));
	if (!v)
		return no_memory(r);
	for (size_t i = 0; i < n; i++) {
		size_t old = jsontext_path_push_index(&r->path, i);

		rc = oci_read_string(r, json_object_array_get_idx(value, i), &v[i]);
		if (rc < 0)
			return rc;
		jsontext_path_pop(&r->path, old);
	}
	*ret = (struct oci_strings){ .v = v, .n = n };
	return 0;
}

static int read_pairs(struct oci_reader *r, struct json_object *value, struct oci_pairs *ret)
{
	struct oci_pair *v;
	size_t n = 0;
	int rc;

	if (!json_object_is_type(value, json_type_object))
		return jsontext_expected(&r->path, r->err, "an object", value);
	if (json_object_object_length(value) > OCI_LIST_MAX)
		return jsontext_say(&r->path, r->err, E2BIG, "more than %d members", OCI_LIST_MAX);
	v = arena_array(r->arena, (size_t)json_object_object_length(value), sizeof(*v));
	if (!v)
		return no_memory(r);
	json_object_object_foreach(value, key, element)
	{
		size_t old = jsontext_path_push(&r->path, key);

		rc = oci_read_string(r, element, &v[n].value);
		if (rc < 0)
			return rc;
		v[n].key = arena_strdup(r->arena, key);
		if (!v[n].key)
			return no_memory(r);
		n++;
		jsontext_path_pop(&r->path, old);
	}
	*ret = (struct oci_pairs){ .v = v, .n = n };
	return 0;
}

static int read_u32_list(struct oci_reader *r, struct json_object *value, uint32_t **ret, size_t *ret_n)
{
	uint64_t number = 0;
	uint32_t *v;
	size_t n = 0;
	int rc;

	rc = check_array(r, value, &n);
	if (rc < 0)
		return rc;
	v = arena_array(r->arena, n, sizeof(*v));
	if (!v)
		return no_memory(r);
	for (size_t i = 0; i < n; i++) {
		size_t old = jsontext_path_push_index(&r->path, i);

		rc = jsontext_uint64(&r->path, json_object_array_get_idx(value, i), UINT32_MAX, &number, r->err);
		if (rc < 0)
			return rc;
		v[i] = (uint32_t)number;
		jsontext_path_pop(&r->path, old);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

static void init_object(const struct oci_table *table, void *object)
{
	if (table->init)
		table->init(object);
}

static int read_list(struct oci_reader *r, const struct oci_table *table, struct json_object *value, void **ret,
                     size_t *ret_n)
{
	size_t n = 0;
	char *v;
	int rc;

	rc = check_array(r, value, &n);
	if (rc < 0)
		return rc;
	v = arena_array(r->arena, n, table->size);
	if (!v)
		return no_memory(r);
	for (size_t i = 0; i < n; i++) {
		size_t old = jsontext_path_push_index(&r->path, i);

		init_object(table, v + i * table->size);
		rc = oci_table_parse(r, table, json_object_array_get_idx(value, i), v + i * table->size);
		if (rc < 0)
			return rc;
		jsontext_path_pop(&r->path, old);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

static int read_pointer(struct oci_reader *r, const struct oci_table *table, struct json_object *value, void **ret)
{
	void *object = arena_alloc(r->arena, table->size);
	int rc;

	if (!object)
		return no_memory(r);
	init_object(table, object);
	rc = oci_table_parse(r, table, value, object);
	if (rc == 0)
		*ret = object;
	return rc;
}

static int read_bool(struct oci_reader *r, struct json_object *value, bool *ret)
{
	if (!json_object_is_type(value, json_type_boolean))
		return jsontext_expected(&r->path, r->err, "true or false", value);
	*ret = json_object_get_boolean(value);
	return 0;
}

static int read_signed(struct oci_reader *r, struct json_object *value, enum oci_kind kind, void *member)
{
	bool is_int = kind == OCI_KIND_INT;
	int64_t n = 0;
	int rc;

	rc = jsontext_int64(&r->path, value, is_int ? INT_MIN : INT64_MIN, is_int ? INT_MAX : INT64_MAX, &n, r->err);
	if (rc < 0)
		return rc;
	if (is_int)
		*(int *)member = (int)n;
	else
		*(int64_t *)member = n;
	return 0;
}

static int read_unsigned(struct oci_reader *r, struct json_object *value, enum oci_kind kind, void *member)
{
	uint64_t high = kind == OCI_KIND_U16 ? UINT16_MAX : kind == OCI_KIND_U32 ? UINT32_MAX : UINT64_MAX;
	uint64_t n = 0;
	int rc;

	rc = jsontext_uint64(&r->path, value, high, &n, r->err);
	if (rc < 0)
		return rc;
	if (kind == OCI_KIND_U16)
		*(uint16_t *)member = (uint16_t)n;
	else if (kind == OCI_KIND_U32)
		*(uint32_t *)member = (uint32_t)n;
	else
		*(uint64_t *)member = n;
	return 0;
}

static int read_member(struct oci_reader *r, const struct oci_member *m, struct json_object *value, char *object)
{
	void *member = object + m->offset;

	switch (m->kind) {
	case OCI_KIND_BOOL:
		return read_bool(r, value, member);
	case OCI_KIND_INT:
	case OCI_KIND_I64:
		return read_signed(r, value, m->kind, member);
	case OCI_KIND_U16:
	case OCI_KIND_U32:
	case OCI_KIND_U64:
		return read_unsigned(r, value, m->kind, member);
	case OCI_KIND_STRING:
		return oci_read_string(r, value, member);
	case OCI_KIND_STRINGS:
		return read_strings(r, value, member);
	case OCI_KIND_PAIRS:
		return read_pairs(r, value, member);
	case OCI_KIND_U32_LIST:
		return read_u32_list(r, value, member, (size_t *)(object + m->aside));
	case OCI_KIND_STRUCT:
		return oci_table_parse(r, m->table, value, member);
	case OCI_KIND_POINTER:
		return read_pointer(r, m->table, value, member);
	case OCI_KIND_LIST:
		return read_list(r, m->table, value, member, (size_t *)(object + m->aside));
	case OCI_KIND_CUSTOM:
		return m->custom->parse(r, value, member);
	}
	return -EINVAL;
}

static bool is_number(enum oci_kind kind)
{
	return kind == OCI_KIND_INT || kind == OCI_KIND_U16 || kind == OCI_KIND_U32 || kind == OCI_KIND_I64 ||
	       kind == OCI_KIND_U64;
}

int oci_table_parse(struct oci_reader *r, const struct oci_table *table, struct json_object *json, void *object)
{
	if (!json_object_is_type(json, json_type_object))
		return jsontext_expected(&r->path, r->err, "an object", json);
	for (size_t i = 0; i < table->n; i++) {
		const struct oci_member *m = &table->members[i];
		size_t old = jsontext_path_push(&r->path, m->name);
		struct json_object *value = json_object_object_get(json, m->name);
		int rc;

		/* null is the same as absent, as in Go */
		if (value) {
			rc = read_member(r, m, value, object);
			if (rc < 0)
				return rc;
			if (is_number(m->kind) && m->aside)
				*(bool *)((char *)object + m->aside - 1) = true;
		} else if (m->required) {
			return jsontext_say(&r->path, r->err, EINVAL, "missing");
		}
		jsontext_path_pop(&r->path, old);
	}
	return 0;
}
