/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which cgroups of the host a sandbox has, and what goes where: pure, from the specification's cgroupsPath. A path
 * "slice:prefix:name" is systemd's to make, any other is a directory below the hierarchies' roots; without a path
 * everything stays where its caller is. Strings are in the caller's arena.
 */
#pragma once

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/cgroup_scope.h"
#include "lib/err.h"

enum hostcgroup_manager {
	HOSTCGROUP_NONE,
	HOSTCGROUP_FS,
	HOSTCGROUP_SYSTEMD,
};

/* What of the VMM goes into the sandbox's cgroup, when the rest is overhead. */
enum hostcgroup_part {
	HOSTCGROUP_THREADS, /* those that are the guest's CPUs */
	HOSTCGROUP_PROCESS,
};

struct hostcgroup_plan {
	enum hostcgroup_manager manager;
	enum hostcgroup_part part;
	const char *sandbox, *overhead; /* paths below the roots; overhead NULL = all is in the sandbox's */
	struct cgroup_scope sandbox_scope, overhead_scope; /* of systemd */
};

/* The plan for a sandbox on a host whose cgroups are v2 alone (unified) or not; -EINVAL tells what is wrong. */
int hostcgroup_plan_of(struct arena *arena, const char *cgroups_path, const char *sandbox, bool only, bool unified,
                       struct hostcgroup_plan *ret, struct err *err);
