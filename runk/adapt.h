/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host's engines may write into a specification and the agent would refuse, or what here cannot be given:
 * changed or refused before anything is planned. Stateless; the specification is the caller's.
 */
#pragma once

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/oci.h"

/* Destinations of mounts become absolute and lose their "..", as everybody reads them. */
int adapt_spec(struct arena *arena, struct oci_spec *spec, struct err *err);

/*
 * Takes away the capabilities that are not ours to give and appends their names to `ignored`, behind a blank. Nothing
 * to do where a new user namespace gives all of them.
 */
int adapt_capabilities(const struct oci_spec *spec, struct oci_process *process, struct buf *ignored, struct err *err);

/* -ENOTSUP if the process wants an AppArmor profile, or the mounts a label, where the kernel has neither. */
int adapt_check_labels(const struct oci_spec *spec, const struct oci_process *process, struct err *err);
