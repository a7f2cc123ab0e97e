/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes one directory tree like another: files, directories and symlinks with owner, mode and time of change. What is
 * the same already is left alone; a file is replaced at once, symlinks come after what they point to, and what is gone
 * goes last, so that a reader of the copy sees what a reader of the source would. Symlinks are copied, never followed;
 * fifos, sockets and devices are left out. Works on fds only, and blocks: for jobs and children.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct treesync {
	/* What the source may hold, 0 = no matter; beyond it nothing is changed. */
	unsigned entries_max;
	uint64_t bytes_max;
	bool mirror;   /* what the source does not have is removed from the copy */
	bool keep_top; /* owner and mode of the copy itself stay */
	/* Filled in. */
	unsigned entries, changes;
	uint64_t bytes;
};

/* Directory fds (not O_PATH). -E2BIG for too many entries, -EFBIG for too many bytes, else as the kernel says. */
int treesync_dir(int from, int to, struct treesync *sync, struct err *err);

/* A single file, overwritten in place since somebody may have bound it; `from` is readable, `to` writable. */
int treesync_file(int from, int to, struct treesync *sync, struct err *err);
