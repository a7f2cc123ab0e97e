/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc/self/mountinfo says. Read-only; mounts nothing. Strings of an entry live as long as the visit.
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"

struct mountinfo_entry {
	const char *target, *fstype, *source, *root, *fs_options;
	int id;
	bool is_shared;
};

/* Called for each mount, topmost last; stops at a value != 0, which mountinfo_walk returns. */
typedef int (*mountinfo_visit)(const struct mountinfo_entry *entry, void *arg);

/* Walks `text`, which is changed: 0, the visitor's value, or -EINVAL for a line that is none. */
int mountinfo_parse(char *text, mountinfo_visit visit, void *arg);

/* Walks the mountinfo text at `path` (NULL = "/proc/self/mountinfo"); 0, the visitor's value, or -errno. */
int mountinfo_walk(const char *path, mountinfo_visit visit, void *arg, struct err *err);

/* 1 if something of type fstype (NULL = any) is mounted exactly at target, 0 if not, or -errno. */
int mountinfo_is_mounted(const char *target, const char *fstype);

/* Number of mounts at or below `prefix` ("/" = all), for leak checks; or -errno. */
int mountinfo_count(const char *prefix);
