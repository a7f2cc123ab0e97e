/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which controllers of cgroup v1 are mounted where: a table that is read from mountinfo once and owns nothing. On a
 * hybrid host the cgroup2 hierarchy that stands beside them is one of them. Says nothing about single cgroups.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define CGROUP_HIERARCHIES_MAX 24
#define CGROUP_DIRECTORY_MAX   64 /* bytes of a directory's name with the NUL */

enum cgroup_controller {
	CGROUP_CPU,
	CGROUP_CPUACCT,
	CGROUP_CPUSET,
	CGROUP_MEMORY,
	CGROUP_DEVICES,
	CGROUP_FREEZER,
	CGROUP_PIDS,
	CGROUP_BLKIO,
	CGROUP_HUGETLB,
	CGROUP_NET_CLS,
	CGROUP_NET_PRIO,
	CGROUP_PERF_EVENT,
	CGROUP_RDMA,
	CGROUP_MISC,
	CGROUP_NAMED,   /* a hierarchy without controllers: "name=systemd" */
	CGROUP_UNIFIED, /* cgroup2, beside the others */
	CGROUP_CONTROLLER_MAX,
	CGROUP_CONTROLLER_INVALID = -22,
};

struct cgroup_hierarchy {
	char dir[CGROUP_DIRECTORY_MAX]; /* below the root of all, without a slash in front: "cpu,cpuacct" */
	uint32_t controllers;           /* a bit for each enum cgroup_controller */
};

struct cgroup_hierarchies {
	struct cgroup_hierarchy v[CGROUP_HIERARCHIES_MAX];
	size_t n;
};

/* "memory" and so on, as /proc/cgroups has it; NULL for those without a name there. */
const char *cgroup_controller_name(enum cgroup_controller controller);

/* The number of a name of /proc/cgroups, or CGROUP_CONTROLLER_INVALID. */
enum cgroup_controller cgroup_controller_find(const char *name);

/* Reads the hierarchies that are mounted right below `root`; `mountinfo` NULL = our own. 0 or -errno. */
int cgroup_hierarchies_read(const char *mountinfo, const char *root, struct cgroup_hierarchies *ret, struct err *err);

/* The hierarchy with this controller, or NULL. */
const struct cgroup_hierarchy *cgroup_hierarchies_find(const struct cgroup_hierarchies *list,
                                                       enum cgroup_controller controller);
