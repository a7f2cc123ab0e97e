/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a supervisor, made. The caller puts them. */
#pragma once

#include <json-c/json.h>

/* {"verb": verb, "id": id}; NULL when memory is out. */
struct json_object *ask_new(const char *verb, const char *id);
