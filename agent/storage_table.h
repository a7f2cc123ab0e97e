/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which storages are mounted, and for whom. A second request for a mount point only counts; the last one to let go has
 * it cleaned. Mounting and cleaning run in jobs. Owned by the sandbox; must be empty after DestroySandbox.
 */
#pragma once

#include "agent/completion.h"
#include "agent/mount/storage.h"
#include "lib/job.h"

#define STORAGES_MAX 4096

struct storage_table;

/* Makes an empty table; a disk that a storage is on may take device_timeout_ms to come. 0 or -ENOMEM. */
int storage_table_new(const struct job_env *env, unsigned device_timeout_ms, struct storage_table **ret);

/* Frees the table; nothing is unmounted. Returns NULL. */
struct storage_table *storage_table_free(struct storage_table *t);

/*
 * Mounts what is not mounted yet, in order, and counts all of it for `owner` (a container id, "" = the sandbox). If one
 * fails, those of this request are undone. One whose mount point is just being mounted or cleaned waits for that. The
 * configs live until the completion.
 */
int storage_table_add(struct storage_table *t, const char *owner, const struct storage_config *configs, size_t n,
                      struct completion *done, struct err *err);

/* Lets go of everything that `owner` holds (shared ones stay for the sandbox) and cleans what nobody holds. */
int storage_table_release(struct storage_table *t, const char *owner, struct completion *done, struct err *err);

/* Number of mount points in the table. */
size_t storage_table_count(const struct storage_table *t);
