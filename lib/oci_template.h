/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The specification that `spec` writes: a shell without privileges in a container of its own. Pure.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "lib/buf.h"

/* Appends config.json; for a rootless one the ids of whom it is for. -ENOMEM. */
int oci_template_format(const char *hostname, bool rootless, uid_t uid, gid_t gid, struct buf *out);
