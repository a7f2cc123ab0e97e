/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the figures of both cgroup versions have in common: lists of "key value" lines, and one entry for each page size
 * that the cgroup has files for. Private to cgroups/. Lists live in the arena.
 */
#pragma once

#include "agent/cgroups/stats.h"
#include "lib/arena.h"

#define CGROUP_STATS_MAX 65536 /* entries of any list; what the kernel prints beyond is left out */

/* Number of lines, at most CGROUP_STATS_MAX. */
size_t cgroup_stats_lines(const char *text);

/* memory.stat: every line that is a key and a number. */
int cgroup_stats_pairs(const char *text, struct arena *arena, struct cgroup_stats *ret);

/* A file's text, the caller's; NULL and no error if it is absent. */
int cgroup_stats_text(int dir, const char *file, char **ret);

/* A file's number; untouched and no error if it is absent or no number. */
int cgroup_stats_number(int dir, const char *file, uint64_t *ret);

/* Reads what the files "<prefix>.*" of a directory say. */
typedef int (*cgroup_stats_usage)(int dir, const char *prefix, struct cgroup_memory_usage *ret);

/* For each file "hugetlb.<size><suffix>" of the directory an entry, read by `read` with the prefix "hugetlb.<size>". */
int cgroup_stats_hugetlb(int dir, const char *suffix, cgroup_stats_usage read, struct arena *arena,
                         struct cgroup_stats *ret);
