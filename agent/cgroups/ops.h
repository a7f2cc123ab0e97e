/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hierarchy version does; private to cgroups/. cgroup.c checks paths and picks the version, so that adding one
 * is a file and a line there. Paths that arrive here are clean and never the root.
 */
#pragma once

#include "agent/cgroups/cgroup.h"
#include "agent/cgroups/stats.h"

/* Where an operation is done; all borrowed. */
struct cgroup_at {
	const struct cgroup_host *host;
	int root; /* fd of host->root */
	const char *path;
};

/* By what devices are filtered. */
enum cgroup_filter {
	CGROUP_FILTER_NONE,
	CGROUP_FILTER_CONTROLLER,
	CGROUP_FILTER_PROGRAM, /* if the kernel takes one */
};

struct cgroup_ops {
	const char *name;
	bool unified;
	/* 1 if the hierarchies at host->root, which `root` is an fd of, are ours; fills in what we want to know of
	 * them. */
	int (*probe)(int root, struct cgroup_host *host, struct err *err);
	enum cgroup_filter (*filter)(const struct cgroup_host *host);
	/* The rest as the functions of cgroup.h and stats.h of the same name. */
	int (*find_missing)(const struct cgroup_at *at, char **ret);
	int (*plan)(struct arena *arena, const struct oci_resources *res, struct step_list *ret, struct err *err);
	int (*create)(const struct cgroup_at *at, const struct cgroup_plan *plan, struct err *err);
	int (*open)(const struct cgroup_at *at);
	int (*attach)(const struct cgroup_at *at, uint32_t controllers, pid_t pid); /* UINT32_MAX = all */
	int (*update)(const struct cgroup_at *at, const struct oci_resources *res, struct err *err);
	int (*freeze)(const struct cgroup_at *at, bool frozen);
	int (*is_frozen)(const struct cgroup_at *at);
	int (*kill)(const struct cgroup_at *at);
	int (*remove)(const struct cgroup_at *at);
	/* fd of the directory that lists the processes. */
	int (*open_tracker)(const struct cgroup_at *at);
	int64_t (*oom_kills)(const struct cgroup_at *at);
	int (*watch_oom)(const struct cgroup_at *at);
	unsigned (*find_own_cpus)(const struct cgroup_at *at);
	int (*follow_cpus)(const struct cgroup_at *at, const struct oci_cpu *cpu, unsigned own, struct err *err);
	int (*protect_self)(const struct cgroup_at *at, struct err *err);
	int (*stats)(const struct cgroup_at *at, struct arena *arena, struct cgroup_stats *ret);
};

extern const struct cgroup_ops cgroup_v1_ops, cgroup_v2_ops;

/* True for the errors of somebody who may not change cgroups here: a rootless caller goes without. */
bool cgroup_is_refused(int r);

/* A line for rdma.max, which is the same in both versions; NULL = out of memory. */
char *cgroup_rdma_line(struct arena *arena, const struct oci_rdma_limit *limit);
