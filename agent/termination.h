/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a container says it ended: the file that Kubernetes mounts into it for that. The container has written it, so
 * what is there is not trusted. Reading may block: runs in a job. Stateless.
 */
#pragma once

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/oci.h"

#define TERMINATION_LOG_MAX 4096 /* bytes, as Kubernetes has it */

/* What is mounted where the annotation says; NULL if the spec has no such annotation or mount. */
const char *termination_source(const struct oci_spec *spec);

/*
 * Appends the first TERMINATION_LOG_MAX bytes of a regular file, made UTF-8 without NUL; nothing if it is not there. A
 * path below `share` is resolved inside of it, whatever symlinks say. The error names the path.
 */
int termination_read(const char *share, const char *path, struct buf *out, struct err *err);
