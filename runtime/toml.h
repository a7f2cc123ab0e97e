/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML as a tree of json-c values: tables are objects, arrays are arrays, and a scalar is an object {"type": "string" |
 * "integer" | "float" | "bool" | "datetime…", "value": "text"}. The reading is done by the helper kata-toml.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

/* Reads a file; the caller puts *ret. The error names the file, the line and the column. */
int toml_read(const char *path, struct json_object **ret, struct err *err);

/* True if the node is a table (and not a scalar, which is an object too). */
bool toml_is_table(struct json_object *node);

/* The text of a scalar of that type, owned by the node; NULL if it is something else. */
const char *toml_scalar(struct json_object *node, const char *type);

/* "table", "array" or a scalar's type, for errors. */
const char *toml_type_name(struct json_object *node);

/* Puts the members of the table `from` over those of the table `into`: tables are merged, anything else is replaced. */
void toml_merge(struct json_object *into, struct json_object *from);
