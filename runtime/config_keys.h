/* SPDX-License-Identifier: Apache-2.0 */
/* Private to runtime/config*.c: which key of which section is which member of struct config, and the keys without one.
 */
#pragma once

#include <stddef.h>

#include "runtime/config.h"

enum config_type { CONFIG_STRING, CONFIG_LIST, CONFIG_BOOL, CONFIG_INTEGER, CONFIG_NUMBER };

struct config_key {
	const char *section; /* "hypervisor", "agent" or "runtime" */
	const char *name;
	enum config_type type;
	size_t offset;        /* in struct config */
	const char *fallback; /* its default, as text; NULL = zero */
};

/* All keys that act. */
extern const struct config_key config_keys[];
extern const size_t config_keys_count;

/* The key of that name, or NULL. */
const struct config_key *config_key_find(const char *section, const char *name);
