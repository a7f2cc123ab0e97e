/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user namespace as an fd, for id-mapped mounts: nobody lives in it. Its maker needs the right to write id maps.
 */
#pragma once

#include "lib/err.h"
#include "lib/oci.h"

/* Makes a user namespace with these mappings; the fd is the caller's, or -errno. Blocks for a moment: for jobs. */
int userns_open(const struct oci_id_maps *uids, const struct oci_id_maps *gids, struct err *err);
