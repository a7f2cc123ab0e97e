/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/oci.h"

#include <errno.h>
#include <string.h>

#include "lib/jsontext.h"
#include "lib/oci_table.h"

static int parse(struct arena *arena, const struct oci_table *table, const char *text, size_t len, struct buf *ignored,
                 void **ret, struct err *err)
{
	struct oci_reader r = { .arena = arena, .err = err, .ignored = ignored };
	_autojson_ struct json_object *json = NULL;
	void *object;
	int rc;

	rc = jsontext_parse(text, len, &json, err);
	if (rc < 0)
		return rc;
	object = arena_alloc(arena, table->size);
	if (!object)
		return err_set(err, ENOMEM, "parse JSON");
	rc = oci_table_parse(&r, table, json, object);
	if (rc < 0)
		return rc;
	*ret = object;
	return 0;
}

int oci_spec_parse(struct arena *arena, const char *json, size_t len, struct oci_spec **ret, struct err *err)
{
	return oci_spec_parse_host(arena, json, len, NULL, ret, err);
}

int oci_spec_parse_host(struct arena *arena, const char *json, size_t len, struct buf *ignored, struct oci_spec **ret,
                        struct err *err)
{
	struct oci_spec *spec = NULL;
	void *object = NULL;
	int r;

	r = parse(arena, &oci_spec_table, json, len, ignored, &object, err);
	if (r < 0)
		return r;
	spec = object;
	if (!spec->linux)
		spec->linux = arena_alloc(arena, sizeof(*spec->linux));
	if (!spec->linux)
		return err_set(err, ENOMEM, "parse JSON");
	*ret = spec;
	return 0;
}

int oci_process_parse(struct arena *arena, const char *json, size_t len, struct buf *ignored, struct oci_process **ret,
                      struct err *err)
{
	void *object = NULL;
	int r;

	r = parse(arena, &oci_process_table, json, len, ignored, &object, err);
	if (r == 0)
		*ret = object;
	return r;
}

int oci_resources_parse(struct arena *arena, const char *json, size_t len, struct oci_resources **ret, struct err *err)
{
	void *object = NULL;
	int r;

	r = parse(arena, &oci_resources_table, json, len, NULL, &object, err);
	if (r == 0)
		*ret = object;
	return r;
}

static int format(struct buf *out, const struct oci_table *table, const void *object)
{
	_autojson_ struct json_object *json = oci_table_format(table, object);
	const char *text;

	text = json ? json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE |
	                                                           JSON_C_TO_STRING_SPACED)
	            : NULL;
	return text ? buf_add(out, text, strlen(text)) : -ENOMEM;
}

int oci_spec_format(const struct oci_spec *spec, struct buf *out)
{
	return format(out, &oci_spec_table, spec);
}

int oci_process_format(const struct oci_process *process, struct buf *out)
{
	return format(out, &oci_process_table, process);
}

int oci_resources_format(const struct oci_resources *resources, struct buf *out)
{
	return format(out, &oci_resources_table, resources);
}

const char *oci_annotation(const struct oci_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->annotations.n; i++)
		if (strcmp(spec->annotations.v[i].key, key) == 0)
			return spec->annotations.v[i].value;
	return NULL;
}

struct oci_namespace *oci_find_namespace(const struct oci_linux *lin, int flag)
{
	for (size_t i = 0; i < lin->n_namespaces; i++)
		if (lin->namespaces[i].flag == flag)
			return &lin->namespaces[i];
	return NULL;
}
