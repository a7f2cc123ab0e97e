/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From OCI resources to files of cgroup v2: pure, and the steps' way to the kernel. The OCI specification speaks v1, so
 * most numbers are converted. A limit that says "none" needs no file; any other one fails where its file is missing.
 */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"
#include "lib/step.h"

/* What the cgroup has now, where the conversion depends on it. */
struct cgroup_v2_now {
	uint64_t memory_max, swap_max; /* UINT64_MAX = none */
	uint64_t quota, period;        /* of cpu.max, quota UINT64_MAX = none */
};

#define CGROUP_V2_NEW                                                                                                  \
	{                                                                                                              \
		.memory_max = UINT64_MAX, .swap_max = UINT64_MAX, .quota = UINT64_MAX, .period = 100000                \
	}

/* What the steps are applied to; the caller's. */
struct cgroup_v2_target {
	int dir;
	const char *path; /* for messages */
	const char *busy; /* cgroup that could not enable its controllers since processes sit in it, or NULL */
	bool tried;       /* the last "try" found its file */
};

/*
 * Appends the steps for these resources: "write", "try" (only if the file exists), "else" (only if that found none),
 * "attempt" (refusals ignored), "fits" (the limit is above what is used), "ignore" (v2 has nothing like it).
 */
int cgroup_v2_plan(struct arena *arena, const struct oci_resources *res, const struct cgroup_v2_now *now,
                   struct step_list *ret, struct err *err);

/* Reads what cgroup_v2_plan wants to know of an existing cgroup; files that are absent count as "none". */
void cgroup_v2_read_now(int dir, struct cgroup_v2_now *ret);
