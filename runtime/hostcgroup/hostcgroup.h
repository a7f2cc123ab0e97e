/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroups of a sandbox on the host: made before anything of it runs, so that every child of the supervisor is born
 * where it belongs, and removed by whoever deletes the sandbox, from a record. Which ones there are and what goes where
 * is the plan's (plan.h). Embedded in its owner.
 */
#pragma once

#include <json-c/json.h>
#include <sys/types.h>

#include "lib/cgroup_hierarchies.h"
#include "lib/oci.h"
#include "runtime/hostcgroup/plan.h"

#define HOSTCGROUP_ROOT "/sys/fs/cgroup"

struct hostcgroup {
	struct arena arena;
	struct hostcgroup_plan plan;
	bool unified;
	struct cgroup_hierarchies v1;      /* empty on v2 */
	char *kept;                        /* the part of the sandbox's path that was there before */
	struct cgroup_scope_keeper keeper; /* of the sandbox's scope, until the VMM is in it */
};

#define HOSTCGROUP_INIT                                                                                                \
	{                                                                                                              \
		.keeper = CGROUP_SCOPE_KEEPER_INIT                                                                     \
	}

/* Makes the cgroups for what the specification asks and moves the caller to where the overhead is. */
int hostcgroup_open(struct hostcgroup *h, const struct oci_linux *lin, const char *sandbox, bool only, struct err *err);

/* Puts a process into the sandbox's own cgroup; nothing without one. */
int hostcgroup_add(const struct hostcgroup *h, pid_t pid, struct err *err);

/* Puts the VMM there: all of it, or the threads that are the guest's CPUs; to be called again when it has got more. */
int hostcgroup_add_vmm(struct hostcgroup *h, pid_t pid, struct err *err);

/* Frees the memory; the cgroups stay. Idempotent. */
void hostcgroup_close(struct hostcgroup *h);

/* What others need to remove them, or NULL if there are none: to be put by the caller. */
struct json_object *hostcgroup_record(const struct hostcgroup *h);

/* Removes what a record tells of; what still is in there goes to the cgroup above. */
void hostcgroup_remove(struct json_object *record);
