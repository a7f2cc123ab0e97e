/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of a v1 cgroup, from the controllers that are mounted. The parsers are pure: text in, members of the struct
 * out. Lists live in the arena.
 */
#pragma once

#include "agent/cgroups/ops.h"
#include "agent/cgroups/stats.h"
#include "lib/arena.h"

/* cpuacct.stat: "user <ticks>", "system <ticks>". */
void cgroup_v1_parse_cpuacct(const char *text, struct cgroup_stats *ret);

/* cpuacct.usage_percpu: nanoseconds, one number a CPU. */
int cgroup_v1_parse_per_cpu(const char *text, struct arena *arena, struct cgroup_stats *ret);

/* blkio.throttle.io_service_bytes and its like: "8:0 Read 4096"; the last line's total has no device. */
int cgroup_v1_parse_io(const char *text, struct arena *arena, struct cgroup_io_entry **ret, size_t *ret_n);

/* Reads everything from the cgroup; what is absent stays 0. -ENOENT if the cgroup is gone. */
int cgroup_v1_stats(const struct cgroup_at *at, struct arena *arena, struct cgroup_stats *ret);
