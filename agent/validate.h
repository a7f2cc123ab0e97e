/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a spec must fulfil before anything is made of it. Pure: looks at the spec alone; planners check what only they
 * understand (mounts, devices, cgroups, the seccomp filter).
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"
#include "lib/oci.h"

/*
 * Checks a container's spec with its process; in_guest: we are the pod's guest, whose network is the pod's own. The
 * error names the member. -EINVAL throughout.
 */
int container_validate(const struct oci_spec *spec, bool in_guest, struct err *err);

/* Checks a process of a container with this spec: the spec's own, or what exec asks for. */
int container_validate_process(const struct oci_process *process, struct err *err);
