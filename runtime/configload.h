/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as a verb needs it, in one go: the file and its drop-ins, what annotations change, what is found
 * where nothing is named, and the checks. A verb that only looks at it (env, check) does without the last step.
 */
#pragma once

#include "lib/err.h"
#include "lib/oci.h"
#include "runtime/config.h"
#include "runtime/configfile.h"

/*
 * Reads and checks everything but the existence of files. `given` is the option's value or NULL, `annotations` may be
 * NULL. The caller passes *file to configfile_done and *c to config_done whatever comes back; both must be zeroed.
 */
int configload(const char *given, const struct oci_pairs *annotations, struct configfile *file, struct config *c,
               struct err *err);
