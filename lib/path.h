/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths below a directory fd that somebody else controls: a container's rootfs, a share. Every name is resolved by the
 * kernel with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS and then used by fd only. Nothing here takes a string twice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

#define PATH_DEPTH_MAX 256 /* components that path_make_* creates; fds that path_remove_tree holds */

/* Opens an existing path inside root (O_PATH | O_CLOEXEC | flags); fd or -errno. */
int path_open_in(int root, const char *path, uint64_t flags);

/* mkdir -p inside root with this mode for new directories, symlinks followed inside it; the last one's O_PATH fd. */
int path_make_dirs_in(int root, const char *path, mode_t mode, struct err *err);

/* As path_make_dirs_in for the parent, then an empty regular file unless something is there; O_PATH fd of it. */
int path_make_file_in(int root, const char *path, mode_t mode, struct err *err);

/*
 * Opens (making it if need be) the parent directory of path inside root as an O_PATH fd, and says which name is left:
 * *ret_name points into path, is never empty, ".", ".." and holds no slash. -EINVAL otherwise.
 */
int path_open_parent_in(int root, const char *path, mode_t mode, const char **ret_name, struct err *err);

/*
 * Removes everything below dirfd/name and the thing itself; 0 also if there is nothing. Never crosses a mount (-EXDEV),
 * never follows a symlink. What lies deeper than PATH_DEPTH_MAX is moved up first.
 */
int path_remove_tree(int dirfd, const char *name, struct err *err);

/* True if the text is absolute and has no ".." component. */
bool path_is_clean(const char *path);
