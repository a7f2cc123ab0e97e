/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sandbox_bind_mounts says: directories or files of the host that every sandbox's guest finds in its share, below
 * SANDBOX_MOUNTS, by the last component of their path. Reads the words only; whether they exist is seen when they are
 * bound. Source: host-behaviour 4.2.
 */
#pragma once

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/err.h"

#define SANDBOX_MOUNTS "sandbox-mounts"

struct bindmount {
	char *path;       /* absolute */
	const char *name; /* within path */
	bool is_writable;
};

/* "PATH", "PATH:ro" or "PATH:rw"; the arena has what is in *ret. */
int bindmount_parse(struct arena *arena, const char *text, struct bindmount *ret, struct err *err);

/* An error if one of them is no such thing, or two have the same name. */
int bindmount_check(char *const *texts, size_t n, struct err *err);
