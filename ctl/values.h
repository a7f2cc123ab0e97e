/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `connect` remembers from one command to the next: the values of NAME=VALUE words and the names that it made
 * itself. Strings are copied; the struct is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"

struct value;

struct values {
	struct value *v;
	size_t n;
};

/* Sets or replaces a value; is_made = not the user's. "container_id" is stored as "cid", "sandbox_id" as "sid". */
int values_set(struct values *values, const char *name, const char *value, bool is_made);

/* The value for a field's name or its short form, whatever their case; NULL if there is none. */
const char *values_get(const struct values *values, const char *name);

/* Forgets a value, or only one that the user did not give. */
void values_forget(struct values *values, const char *name, bool only_made);

/* Frees all of them. */
void values_done(struct values *values);
