/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle: a directory with config.json, read and checked once. The specification lives in the caller's arena.
 */
#pragma once

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/oci.h"

struct bundle {
	char *path; /* absolute */
	char *root; /* of the rootfs, absolute */
	char *text; /* of config.json, len bytes */
	size_t len;
	struct oci_spec *spec;
	char *ignored; /* names of capabilities that nobody knows */
};

/*
 * Makes the bundle (NULL: where we are) the working directory, to which relative paths of a specification refer, and
 * reads it.
 */
int bundle_load(struct arena *arena, const char *path, struct bundle *ret, struct err *err);
