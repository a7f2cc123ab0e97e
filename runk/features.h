/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runk can do, as the OCI runtime specification's "features" structure. Pure.
 */
#pragma once

#include "lib/buf.h"

/* Appends the document; -ENOMEM. */
int features_format(struct buf *out);

/* Options of mounts that are understood; ends with NULL. */
const char *const *features_mount_options(void);

/* Actions of seccomp that are understood; ends with NULL. */
const char *const *features_seccomp_actions(void);
