/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths to the fields of a message, as a policy names them: names of proto3's JSON (container_id or containerId),
 * joined by dots; a list or map takes [N], ["KEY"], [*] (each of them) or [#] (how many). A path is checked against the
 * type once and then finds values without looking names up. What is not there has its type's default value. Pure; a
 * path lives in the arena of whoever made it.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/err.h"

#define FIELDPATH_STEPS_MAX  16
#define FIELDPATH_NUMBER_MAX 24 /* bytes of a number's text */

enum fieldpath_pick {
	FIELDPATH_SINGLE, /* the field itself */
	FIELDPATH_INDEX,
	FIELDPATH_KEY,
	FIELDPATH_EACH,
	FIELDPATH_COUNT,
};

struct fieldpath_step {
	const ProtobufCFieldDescriptor *field;
	enum fieldpath_pick pick;
	size_t index;
	const char *key;
	bool is_map;
};

struct fieldpath {
	const char *text;
	struct fieldpath_step *steps;
	size_t n_steps;
};

/* True: the value will do, go on with the next. */
typedef bool (*fieldpath_accept)(void *arg, const char *value);

/* Reads a path into a message of this type; -EINVAL names the part that is wrong, -ENOMEM. */
int fieldpath_parse(struct arena *arena, const ProtobufCMessageDescriptor *type, const char *text,
                    struct fieldpath *ret, struct err *err);

/*
 * Shows each value at the path to `accept`: strings as they are, numbers in decimal, true and false, names of enum
 * values. False as soon as one was not accepted. A path with [*] may select nothing; that is true.
 */
bool fieldpath_each(const struct fieldpath *path, const ProtobufCMessage *msg, fieldpath_accept accept, void *arg);
