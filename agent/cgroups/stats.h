/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the figures of a cgroup (lib/cgroup_stats.h). Reading the files of a dying cgroup can block: for a job. Lists
 * live in the arena.
 */
#pragma once

#include "agent/cgroups/cgroup.h"
#include "lib/cgroup_stats.h"

/* Reads everything that there is; -ENOENT if the cgroup is gone. */
int cgroup_stats_read(const struct cgroup_host *host, const char *path, struct arena *arena, struct cgroup_stats *ret,
                      struct err *err);
