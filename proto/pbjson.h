/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to JSON and back, by descriptor: proto3's JSON mapping without its special cases for google.protobuf types.
 * Reading takes both spellings of a field (container_id, containerId), enums by name or number, 64-bit numbers as
 * numbers or strings, bytes in either base64 alphabet or as an array of numbers, null for "unset"; an unknown field is
 * an error. Writing uses the names of the .proto files, so that what is printed can be looked up there.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"

#define PBJSON_DEFAULTS 1u /* print fields with default values too (not absent messages) */
#define PBJSON_PRETTY   2u /* with line breaks */

/* A message from JSON text, in the arena; errors name the member by its path. */
int pbjson_parse(const ProtobufCMessageDescriptor *type, struct arena *arena, const char *text, size_t len,
                 ProtobufCMessage **ret, struct err *err);

/* Appends the message as one line of JSON without a line break, default values left out. */
int pbjson_format(const ProtobufCMessage *msg, struct buf *out, struct err *err);

/* As pbjson_format, with PBJSON_ flags. */
int pbjson_format_with(const ProtobufCMessage *msg, unsigned flags, struct buf *out, struct err *err);

/* True if the repeated field is how protobuf-c sees a map. */
bool pbjson_is_map(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field);

/* The field with this name, spelled as in the .proto file or as in JSON (container_id, containerId), or NULL. */
const ProtobufCFieldDescriptor *pbjson_find_field(const ProtobufCMessageDescriptor *type, const char *key);

/* Bytes that one value of this type takes in a message struct or in a repeated field's array. */
size_t pbjson_value_size(ProtobufCType type);
