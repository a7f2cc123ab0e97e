/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small directories or files of the host's share (ConfigMaps, Secrets) as copies in a tmpfs of the guest, where inotify
 * works. This is the copying; who follows the source, and when, is agent/watch.h. Everything here blocks: for jobs.
 */
#pragma once

#include <stdbool.h>

#include "agent/mount/storage.h"
#include "lib/err.h"

/* As upstream: what is more is bound instead of copied. */
#define WATCHABLE_ENTRIES_MAX 16
#define WATCHABLE_BYTES_MAX   (1024 * 1024)

struct watchable_state {
	bool is_bound; /* too much to be copied: the source itself is mounted there now, nothing is to be followed */
	int notify;    /* an inotify instance that tells of the next change, or -EBADF: the file system cannot tell */
	unsigned changes; /* files, directories and symlinks that were copied or removed */
};

/* True for storages whose source is to be followed. */
bool watchable_is(const struct storage_config *config);

/* True if the two are not watchable, or have their copies in the same directory. */
bool watchable_shares_root(const struct storage_config *a, const struct storage_config *b);

/* Brings the copy up to date, or binds; `ret->notify` is the caller's. */
int watchable_sync(const struct storage_config *config, struct watchable_state *ret, struct err *err);
