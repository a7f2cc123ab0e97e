/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config.json with every member we know, and its comparison with what a conversion made of it. Inline, since test
 * programs share no library; paths are relative to the top directory, where make runs the tests.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/jsontext.h"
#include "tests/lib/unit.h"

#define CONFIG_JSON "tests/data/config.json"

/* The text of the file; static, "" if it cannot be read. */
static inline const char *config_json(void)
{
	static char text[16384];
	FILE *f = text[0] ? NULL : fopen(CONFIG_JSON, "re");

	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		(void)fclose(f);
	}
	return text;
}

/* The member at "a.b.0.c", NULL if there is none. */
static inline struct json_object *config_find(struct json_object *json, const char *path)
{
	char copy[128];

	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (char *save, *word = strtok_r(copy, ".", &save); json && word; word = strtok_r(NULL, ".", &save))
		json = json_object_is_type(json, json_type_array)
		               ? json_object_array_get_idx(json, strtoul(word, NULL, 10))
		               : json_object_object_get(json, word);
	return json;
}

/* Adds what the printer always says and the file leaves out. */
static inline void config_fill_defaults(struct json_object *json)
{
	struct json_object *rules = config_find(json, "linux.resources.devices");

	for (size_t i = 0; rules && i < json_object_array_length(rules); i++) {
		struct json_object *rule = json_object_array_get_idx(rules, i);

		if (!json_object_object_get(rule, "type"))
			(void)json_object_object_add(rule, "type", json_object_new_string("a"));
		if (!json_object_object_get(rule, "access"))
			(void)json_object_object_add(rule, "access", json_object_new_string("rwm"));
	}
}

/* True if the two are the same whatever the order of members; says on stderr where they are not. */
static inline bool config_same(struct json_object *a, struct json_object *b)
{
	if (json_object_get_type(a) != json_object_get_type(b)) {
		print_error("'%s' became '%s'\n", json_object_get_string(a), json_object_get_string(b));
		return false;
	}
	if (json_object_is_type(a, json_type_array)) {
		if (json_object_array_length(a) != json_object_array_length(b))
			return print_error("'%s' became '%s'\n", json_object_get_string(a), json_object_get_string(b)),
			       false;
		for (size_t i = 0; i < json_object_array_length(a); i++)
			if (!config_same(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i)))
				return false;
		return true;
	}
	if (json_object_is_type(a, json_type_object)) {
		json_object_object_foreach(a, key, value)
		{
			if (!config_same(value, json_object_object_get(b, key)))
				return print_error("in '%s'\n", key), false;
		}
		return json_object_object_length(a) == json_object_object_length(b);
	}
	if (!json_object_equal(a, b))
		return print_error("'%s' became '%s'\n", json_object_get_string(a), json_object_get_string(b)), false;
	return true;
}
