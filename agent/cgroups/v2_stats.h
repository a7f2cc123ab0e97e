/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of a v2 cgroup. The parsers are pure: text in, members of the struct out; lines that are not understood are
 * skipped, since newer kernels add some. Lists live in the arena.
 */
#pragma once

#include "agent/cgroups/ops.h"
#include "agent/cgroups/stats.h"
#include "agent/cgroups/stats_common.h"
#include "lib/arena.h"

/* cpu.stat. */
void cgroup_v2_parse_cpu(const char *text, struct cgroup_stats *ret);

/* memory.stat: all pairs, and from them the cache and the kernel's memory. */
int cgroup_v2_parse_memory(const char *text, struct arena *arena, struct cgroup_stats *ret);

/* io.stat: a read and a write entry for each device in both lists. */
int cgroup_v2_parse_io(const char *text, struct arena *arena, struct cgroup_stats *ret);

/* Reads everything from the cgroup; absent files stay 0. -ENOENT or -ENODEV if the cgroup is gone. */
int cgroup_v2_stats(const struct cgroup_at *at, struct arena *arena, struct cgroup_stats *ret);
