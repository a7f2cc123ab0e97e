/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our runtimes can do, as the OCI runtime specification's "features" structure: the agent's code does it for all
 * of them, but for hooks. Pure.
 */
#pragma once

#include "lib/buf.h"

/* Appends the document; hooks: the names of those that are run, ends with NULL. -ENOMEM. */
int features_format(const char *const *hooks, struct buf *out);

/* Options of mounts that are understood; ends with NULL. */
const char *const *features_mount_options(void);

/* Actions of seccomp that are understood; ends with NULL. */
const char *const *features_seccomp_actions(void);

/* Flags of seccomp filters that are understood; ends with NULL. */
const char *const *features_seccomp_flags(void);
