/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a mount goes: resolved inside a root by the kernel, made if missing, checked, and from then on an fd.
 * Stateless.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"

struct target_want {
	const char *path; /* clean, absolute inside the root */
	bool is_dir;
	bool is_exact; /* no symlink on the way: /proc, /sys, /dev have to be what they are called */
};

/* O_PATH fd of the target, made if it is missing (0755, files 0644); the caller's. */
int target_open(int root, const struct target_want *want, struct err *err);

/* An existing directory without a symlink on the way, or -ELOOP, -ENOTDIR, -ENOENT. */
int target_open_exact_dir(int root, const char *path);

/* -EPERM if the target lies in a procfs and is none of the files that may be covered ("/foo" -> "/proc/self/attr"). */
int target_check_procfs(int target, const char *path, struct err *err);
