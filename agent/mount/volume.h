/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to file systems that are mounted already. Everything here asks the file system itself, whose server may be
 * gone: it runs in a job. Mounts nothing.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"

/* total = used + available; available includes what is reserved for root, as upstream counts. */
struct volume_figures {
	uint64_t total, used, available;
};

struct volume_usage {
	struct volume_figures bytes, inodes;
};

/* How full the file system is that `path` is on; the error names the path. */
int volume_usage(const char *path, struct volume_usage *ret, struct err *err);

/*
 * Stats the root of every mount below `dir` (mountinfo: the text to read instead of our own, or NULL), so that a
 * virtiofsd forgets what is gone. The number of mounts asked, whatever they said; -errno if there is no mountinfo.
 */
int volume_touch_below(const char *mountinfo, const char *dir, struct err *err);
