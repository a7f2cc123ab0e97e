/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON from a peer or a file: strict, UTF-8, bounded depth; and the path to the member at hand, so that an
 * error can say which one is wrong. Making JSON without losing sight of memory. What the members mean is the caller's
 * business.
 */
#pragma once

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/mem.h"

#define JSONTEXT_DEPTH_MAX 32
#define JSONTEXT_PATH_MAX  256 /* bytes of a path; a longer one is cut */

struct jsontext_path {
	char text[JSONTEXT_PATH_MAX];
	size_t len;
};

/* A member of an object, or NULL; neither has to be there. */
struct json_object *jsontext_member(struct json_object *object, const char *name);

/* A member that is a string, else "". For what we or a program that we run have written. */
const char *jsontext_text(struct json_object *object, const char *name);

/* A member as a number, 0 if it is none. */
int64_t jsontext_number(struct json_object *object, const char *name);

/* The cleanup function behind _autojson_. */
static inline void jsontext_putp(struct json_object **p)
{
	(void)json_object_put(*p);
}
#define _autojson_ _cleanup_(jsontext_putp)

/* Parses one value and nothing behind it; -EINVAL tells the place. The caller puts *ret. */
int jsontext_parse(const char *text, size_t len, struct json_object **ret, struct err *err);

/* Appends ".name" (or "name"); returns the length to give to jsontext_path_pop. */
size_t jsontext_path_push(struct jsontext_path *p, const char *name);

/* Appends "[i]"; returns the length to give to jsontext_path_pop. */
size_t jsontext_path_push_index(struct jsontext_path *p, size_t i);

/* Cuts the path back. */
void jsontext_path_pop(struct jsontext_path *p, size_t len);

/* Stores "<path>: <text>", or the text alone at the top; returns -num. */
int jsontext_say(const struct jsontext_path *p, struct err *err, int num, const char *fmt, ...) _printf_(4, 5);

/* "expected a string" and so on: the error for a value of a wrong type; returns -EINVAL. */
int jsontext_expected(const struct jsontext_path *p, struct err *err, const char *what, struct json_object *value);

/* The string without embedded NUL, owned by the value; errors as the two above. */
int jsontext_string(const struct jsontext_path *p, struct json_object *value, const char **ret, struct err *err);

/* The same as a copy in the arena; -ENOMEM too. */
int jsontext_strdup(const struct jsontext_path *p, struct json_object *value, struct arena *arena, char **ret,
                    struct err *err);

/* A whole number between low and high. */
int jsontext_int64(const struct jsontext_path *p, struct json_object *value, int64_t low, int64_t high, int64_t *ret,
                   struct err *err);

/* A whole number between 0 and high. */
int jsontext_uint64(const struct jsontext_path *p, struct json_object *value, uint64_t high, uint64_t *ret,
                    struct err *err);

/*
 * Adds a value to an object, which takes it over also when it fails; either may be NULL for lack of memory. 0 or
 * -ENOMEM.
 */
int jsontext_add(struct json_object *object, const char *name, struct json_object *value);

/* The same for the end of an array. */
int jsontext_append(struct json_object *array, struct json_object *value);
