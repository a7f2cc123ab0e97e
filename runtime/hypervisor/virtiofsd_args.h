/* SPDX-License-Identifier: Apache-2.0 */
/* virtiofsd's command line, for both generations of it: QEMU's own in C, and the one that took its place. Pure. */
#pragma once

#include <stdbool.h>

#include "lib/arena.h"

struct virtiofsd_args {
	const char *path; /* the program */
	const char *socket, *dir;
	const char *cache;       /* "auto", "never", … */
	char *const *extra;      /* more words, NULL-terminated; may be NULL */
	bool is_root_mountpoint; /* "/" is a mount point: without, it cannot have namespaces of its own */
};

/* NULL-terminated argv in the arena, NULL when memory is out. */
char **virtiofsd_args(struct arena *arena, const struct virtiofsd_args *a);

/* True for QEMU's own generation, told by its path. */
bool virtiofsd_is_qemus(const char *path);
