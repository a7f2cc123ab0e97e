/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of a cgroup, in the shape of the protocol's CgroupStats: times in nanoseconds, sizes in bytes, "max" as
 * UINT64_MAX, absent files as 0. Lists live in the arena of whoever fills it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cgroup_memory_usage {
	uint64_t usage, max_usage, failcnt, limit;
};

struct cgroup_stat_pair {
	char *key;
	uint64_t value;
};

struct cgroup_io_entry {
	uint64_t major, minor;
	const char *op; /* "read", "write" */
	uint64_t value;
};

struct cgroup_hugetlb {
	char *page_size; /* "2MB" */
	uint64_t usage, max_usage, failcnt;
};

struct cgroup_stats {
	uint64_t cpu_total, cpu_user, cpu_kernel; /* ns */
	uint64_t *per_cpu;
	size_t n_per_cpu;
	uint64_t periods, throttled_periods, throttled_time; /* time in ns */
	uint64_t cache;
	struct cgroup_memory_usage memory, swap, kernel;
	struct cgroup_stat_pair *memory_stat;
	size_t n_memory_stat;
	uint64_t pids_current, pids_limit; /* limit 0 = none */
	struct cgroup_io_entry *io_bytes, *io_ops;
	size_t n_io_bytes, n_io_ops;
	struct cgroup_hugetlb *hugetlb;
	size_t n_hugetlb;
	uint64_t oom_kills;
};
