/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `connect` puts into a request where the user said nothing: names for container, sandbox and process, the whole
 * container's first process, our clock, a signal. Names are remembered for later commands; the rest is made anew.
 */
#pragma once

#include <json-c/json.h>
#include <protobuf-c/protobuf-c.h>

#include "ctl/values.h"
#include "lib/err.h"

/* Makes the names that this request needs and nobody gave, and says so in the log; 0 or -errno. */
int autovalues_make_ids(struct values *values, struct json_object *request, const ProtobufCMessageDescriptor *type,
                        struct err *err);

/* Adds what else is missing in the request; 0 or -errno. */
int autovalues_add_defaults(struct json_object *request, const ProtobufCMessageDescriptor *type, struct err *err);

/* Remembers the container and the sandbox that the request names, wherever that came from; 0 or -errno. */
int autovalues_remember(struct values *values, struct json_object *request, const ProtobufCMessageDescriptor *type,
                        struct err *err);
