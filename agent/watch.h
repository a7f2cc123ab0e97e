/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows the sources of watchable storages (agent/mount/watchable.h). Where the file system tells of changes, inotify
 * wakes us; where the host changes things behind our kernel's back (virtio-fs, 9p), a timer runs while such a storage
 * is there. The copying runs in a job, never on the loop. Owned by the storage table.
 */
#pragma once

#include "agent/mount/storage.h"
#include "lib/job.h"

#define WATCH_POLL_MS   2000 /* as upstream */
#define WATCH_SETTLE_MS 50   /* after a change, for those that come with it */

struct watch;

/* Makes one that watches nothing. 0 or -ENOMEM. */
int watch_new(const struct job_env *env, struct watch **ret);

/* Stops everything; a job that runs is killed. Returns NULL. */
struct watch *watch_free(struct watch *w);

/* Follows a storage that stands; the config is borrowed until watch_remove. 0 or -ENOMEM. */
int watch_add(struct watch *w, const struct storage_config *config);

/* Forgets the storage, before it is taken down; a copying that runs is killed. Harmless for one that is not watched. */
void watch_remove(struct watch *w, const struct storage_config *config);

/* Number of storages that are followed. */
size_t watch_count(const struct watch *w);
