/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for CDI devices in the specifications of the guest: the .json files in /etc/cdi, then those in /var/run/cdi (or
 * /run/cdi where there is no /var/run), which win. Blocks, and waits for what is not there yet: for jobs. What the
 * edits do is cdi.h's business.
 */
#pragma once

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/oci.h"

#define CDI_FILES_MAX     256
#define CDI_FILE_MAX      (1u << 20) /* bytes */
#define CDI_RETRY_MS      250u       /* between two looks at the directories */
#define CDI_TIMEOUT_MAX_S 600u

/*
 * Writes the containerEdits of all wanted devices to ret, as a JSON array for cdi_apply, those of a whole specification
 * in front of its first device's. Device nodes have got the numbers of the guest's. After timeout_ms -ENODEV: the error
 * names what is missing, what there is, and a file that could not be read. root: "/", tests have their own.
 */
int cdi_find(int root, const struct oci_strings *wanted, unsigned timeout_ms, struct buf *ret, struct err *err);
