/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freezing and killing with the v1 freezer: it tells nobody when it is done, takes several tries when processes fork,
 * and keeps even a SIGKILL from what is frozen. Without a freezer a hybrid host's cgroup2 does the same better.
 */
#pragma once

#include "agent/cgroups/ops.h"

/* As cgroup_freeze, cgroup_is_frozen and cgroup_kill. */
int cgroup_v1_freeze(const struct cgroup_at *at, bool frozen);
int cgroup_v1_is_frozen(const struct cgroup_at *at);
int cgroup_v1_kill(const struct cgroup_at *at);

/* fd of the cgroup in the hierarchy that a process leaves last: the one to look for processes in. */
int cgroup_v1_open_tracker(const struct cgroup_at *at);
