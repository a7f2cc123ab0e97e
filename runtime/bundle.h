/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle of a container: its config.json. The spec lives in the caller's arena. */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"

/* Reads BUNDLE/config.json; the error names the file and the member. */
int bundle_read(struct arena *arena, const char *bundle, struct oci_spec **ret, struct err *err);
