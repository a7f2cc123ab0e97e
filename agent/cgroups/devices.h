/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices a container may use, as one list of rules in which the last match wins; pure. Turning the list into a
 * program is bpf.h's. Lists live in the arena.
 */
#pragma once

#include "agent/cgroups/cgroup.h"
#include "lib/arena.h"
#include "lib/oci.h"

#define CGROUP_RULES_MAX                                                                                               \
	1024 /* the verifier keeps about three branches of each rule in mind, 8192 in all; more is -E2BIG */

/* Default list, Linux.Devices, Resources.Devices, then no access to the guest's own disks. */
int cgroup_device_rules(struct arena *arena, const struct oci_linux *lin, const struct cgroup_disks *own,
                        const struct oci_device_rule **ret, size_t *ret_n, struct err *err);

/* The block devices in a mountinfo text: those of the file systems, not yet the disks that they are parts of. */
int cgroup_parse_disks(struct arena *arena, const char *mountinfo, struct cgroup_disks *ret);
