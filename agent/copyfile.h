/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a host without a shared file system copies into the guest: a directory, a symlink, or a chunk of a regular
 * file. Containers can write to what was copied, so every name is resolved below the root by the kernel and used by fd;
 * nothing outside of the root is touched, whatever symlinks lie there. Blocks: runs in a job, whose umask it changes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

struct copyfile {
	const char *path;        /* absolute, below the root */
	uint32_t mode, dir_mode; /* with the type; of directories that are missing */
	int64_t size, offset;    /* of the whole file; where this chunk goes */
	uid_t uid;               /* -1 = leave it */
	gid_t gid;               /* -1 = leave it */
	const void *data;        /* the chunk, or a symlink's target */
	size_t len;
};

/*
 * Copies below `root`, a directory that is made if need be. Chunks gather in a hidden file beside the target, which it
 * replaces once it is whole: nobody sees half a file. Every error names the path.
 */
int copyfile_apply(const char *root, const struct copyfile *file, struct err *err);
