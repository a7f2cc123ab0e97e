/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to lib/oci_*.c: the tables that say which JSON member is which struct member (oci_tables.c), read by the
 * parser (oci_parse.c) and by the printer (oci_format.c), so that the two cannot differ.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/jsontext.h"
#include "lib/oci.h"

enum oci_kind {
	OCI_KIND_BOOL,
	OCI_KIND_INT,
	OCI_KIND_U16,
	OCI_KIND_U32,
	OCI_KIND_I64,
	OCI_KIND_U64,
	OCI_KIND_STRING,
	OCI_KIND_STRINGS,  /* struct oci_strings */
	OCI_KIND_PAIRS,    /* struct oci_pairs */
	OCI_KIND_U32_LIST, /* array, length at `aside` */
	OCI_KIND_STRUCT,   /* an object whose members lie in the struct itself, from offset on */
	OCI_KIND_POINTER,  /* an object that is allocated */
	OCI_KIND_LIST,     /* array of structs, length at `aside` */
	OCI_KIND_CUSTOM,   /* by functions */
};

struct oci_reader {
	struct arena *arena;
	struct jsontext_path path;
	struct err *err;
	struct buf *ignored; /* not NULL: names of unknown capabilities go there and are no error */
};

struct oci_custom {
	/* Reads a value, never null, into the member. */
	int (*parse)(struct oci_reader *r, struct json_object *value, void *member);
	/* The member as JSON; NULL leaves it out. */
	struct json_object *(*format)(const void *member);
};

struct oci_member {
	const char *name;
	enum oci_kind kind;
	size_t offset;
	size_t aside;  /* offset of the length of a list, or of a number's has_ flag plus one */
	bool required; /* it is an error if it is missing; always printed */
	bool always;   /* printed even if it is zero */
	const struct oci_table *table;
	const struct oci_custom *custom;
};

struct oci_table {
	size_t size; /* of the struct */
	const struct oci_member *members;
	size_t n;
	void (*init)(void *object); /* sets what is not zero by default; may be NULL */
};

extern const struct oci_table oci_spec_table, oci_process_table, oci_resources_table;

/* Fills the struct at `object` from a JSON object by the table. */
int oci_table_parse(struct oci_reader *r, const struct oci_table *table, struct json_object *json, void *object);

/* The struct at `object` as a JSON object; NULL = out of memory. */
struct json_object *oci_table_format(const struct oci_table *table, const void *object);

/* A string into the arena. */
int oci_read_string(struct oci_reader *r, struct json_object *value, char **ret);
