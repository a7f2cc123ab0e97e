/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A caller without privilege: what a container needs of them he has in a user namespace only, so runk itself goes into
 * the container's before anything is built, and is root there. To the rest of runk that namespace is where we have
 * always been: it is taken out of the specification. Nothing to do for who is root already.
 */
#pragma once

#include "lib/err.h"
#include "lib/oci.h"
#include "runk/runk.h"

/* True if the caller has no privilege of his own: then the two below are to be called. */
bool rootless_is_needed(void);

/*
 * Makes the user namespace of the specification, with a mount namespace, and enters it. Without mappings, or without
 * such a namespace at all, root is the caller. More than the caller's own ids take newuidmap and newgidmap.
 */
int rootless_enter(const struct runk *runk, struct oci_spec *spec, struct err *err);

/* Enters the user namespace of a container's process, for an exec. */
int rootless_join(int pidfd, struct oci_spec *spec, struct err *err);
