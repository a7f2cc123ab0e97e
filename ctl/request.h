/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as a JSON object by the field names of the protocol, filled with values that are text. What the user wrote
 * himself is never changed. Sends nothing; the object is the caller's.
 */
#pragma once

#include <json-c/json.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "ctl/values.h"
#include "lib/err.h"

/* True if the object has the field of that name in any spelling. */
bool request_has(struct json_object *request, const ProtobufCMessageDescriptor *type, const char *name);

/* The object's text for a string field, NULL if there is none; it stays the object's. */
const char *request_text(struct json_object *request, const ProtobufCMessageDescriptor *type, const char *name);

/*
 * Adds a field from text: numbers also as 0x..., signals also by name, bytes as they are or as "hex:...", lists with
 * commas. Nothing happens if it is there or the message has no such field. -EINVAL names the field.
 */
int request_add(struct json_object *request, const ProtobufCMessageDescriptor *type, const char *name, const char *text,
                struct err *err);

/* Adds all fields that are not there and have a value. */
int request_fill(struct json_object *request, const ProtobufCMessageDescriptor *type, const struct values *values,
                 struct err *err);
