/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From OCI resources to files of cgroup v1: pure, and the steps' way to the kernel. A step names its controller in
 * `type`. A limit that says "none" needs no file; any other one fails where its controller or file is missing.
 */
#pragma once

#include "agent/cgroups/ops.h"
#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"
#include "lib/step.h"

/* What the cgroup has now, where the order of writing depends on it. */
struct cgroup_v1_now {
	uint64_t memory_limit; /* UINT64_MAX = none */
};

#define CGROUP_V1_NEW                                                                                                  \
	{                                                                                                              \
		.memory_limit = UINT64_MAX                                                                             \
	}

/* What the steps are applied to; the caller's. */
struct cgroup_v1_target {
	const struct cgroup_at *at;
	bool tried; /* the last "try" found its file */
};

/*
 * Appends the steps for these resources: "write", "try" (only if there is the file), "else" (only if that found none),
 * "attempt" (refusals ignored), "bandwidth" (quota and period in the order that the kernel takes), "fits" (the limit
 * is above what is used).
 */
int cgroup_v1_plan(struct arena *arena, const struct oci_resources *res, const struct cgroup_v1_now *now,
                   struct step_list *ret, struct err *err);
