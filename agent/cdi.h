/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CDI: devices that a container names in its annotations "cdi.k8s.io/ANY" = "VENDOR/CLASS=NAME,…", and what the guest's
 * specifications of them change in the container's: environment, device nodes, mounts, hooks, groups. Pure; who reads
 * the files is cdi_find.h. Owns nothing: what is made lives in the caller's arena.
 */
#pragma once

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/jsontext.h"
#include "lib/oci.h"

#define CDI_DEVICES_MAX 64 /* of a container */

/*
 * The devices that the annotations name, in their order and each once; none for the container that is its pod's
 * sandbox. -EINVAL names the annotation, -E2BIG.
 */
int cdi_find_wanted(struct arena *arena, const struct oci_spec *spec, struct oci_strings *ret, struct err *err);

/* True if "VENDOR/CLASS=NAME" is of this kind ("VENDOR/CLASS") and has this name. */
bool cdi_is_device(const char *device, const char *kind, const char *name);

/*
 * Applies a JSON array of containerEdits, in order; device nodes must have their numbers by now. What replaces
 * something of the specification, a variable, a device or a mount, takes its place. The error names the member; one
 * that is not known is an error too.
 */
int cdi_apply(struct arena *arena, struct oci_spec *spec, const char *edits, size_t len, struct err *err);
