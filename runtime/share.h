/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory that a sandbox shares with its guest: a mount of its own, into which root file systems and other
 * sources are bound so that virtiofsd, in a namespace of its own, sees them come and go. Nothing that happens below
 * comes back to where the source is. Keeps no state: what is there is read from the mount table.
 */
#pragma once

#include "lib/err.h"

/* Makes DIR/shared. */
int share_prepare(const char *dir, struct err *err);

/* Binds `source` (a directory or a file, with all below it) at DIR/shared/NAME. */
int share_add(const char *dir, const char *source, const char *name, struct err *err);

/* The same at DIR/shared/sandbox-mounts for what the configuration gives every sandbox. */
int share_add_mounts(const char *dir, char *const *mounts, size_t n, struct err *err);

/* Unmounts everything of container `id` and removes what it was mounted on. */
void share_remove(const char *dir, const char *id);

/* Unmounts everything below DIR, whoever mounted it. */
int share_clean(const char *dir, struct err *err);
