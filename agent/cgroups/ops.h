/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hierarchy version does; private to cgroups/. cgroup.c checks paths and picks the version, so that adding one
 * is a file and a line there. Paths that arrive here are clean and never the root.
 */
#pragma once

#include "agent/cgroups/cgroup.h"
#include "agent/cgroups/stats.h"

struct cgroup_ops {
	const char *name;
	bool unified;
	/* True if the hierarchy that `root` is an fd of is one of ours. */
	bool (*probe)(int root);
	/* True if the kernel can filter devices; -errno if finding out failed. */
	int (*probe_filter)(void);
	/* As cgroup_find_missing. */
	int (*find_missing)(int root, char **ret);
	/* The rest as the functions of cgroup.h and stats.h of the same name; root is an fd of the mount point. */
	int (*plan)(struct arena *arena, const struct oci_resources *res, struct step_list *ret, struct err *err);
	int (*create)(int root, const struct cgroup_plan *plan, struct err *err);
	int (*open)(int root, const char *path);
	int (*attach)(int root, const char *path, pid_t pid);
	int (*update)(int root, const char *path, const struct oci_resources *res, struct err *err);
	int (*freeze)(int root, const char *path, bool frozen);
	int (*kill)(int root, const char *path, bool no_kill_file);
	int (*remove)(int root, const char *path);
	int (*count)(int root, const char *path);
	int64_t (*oom_kills)(int root, const char *path);
	int (*protect_self)(int root, struct err *err);
	int (*stats)(int root, const char *path, struct arena *arena, struct cgroup_stats *ret);
};

extern const struct cgroup_ops cgroup_v2_ops;
