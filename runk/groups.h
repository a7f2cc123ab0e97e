/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control groups of runk's containers: which hierarchy this host has, and what is done where we may not use one
 * (rootless). A thin layer over agent/cgroups.
 */
#pragma once

#include <stdbool.h>

#include "agent/cgroups/cgroup.h"
#include "runk/runk.h"
#include "runk/state.h"

struct groups {
	struct cgroup_host host;
	bool usable; /* there is a hierarchy that we know */
};

/* Looks at the host; without a usable hierarchy an error, unless we are rootless. */
int groups_init(const struct runk *runk, struct groups *ret, struct err *err);

/*
 * groups_init for a container whose cgroup is to be worked on; -ENOTSUP if it has none, and the error says that `what`
 * needs one.
 */
int groups_open(const struct runk *runk, const struct state *s, const char *what, struct groups *ret, struct err *err);

/* Who moves processes into the container's cgroup where we may not: a user's systemd, with the state as its `arg`. */
int (*groups_mover(const struct runk *runk, const struct state *s))(pid_t pid, void *arg, struct err *err);

/* Called with each process of the container; a value other than 0 ends the walk. */
typedef int (*groups_visit)(pid_t pid, void *arg);

/* Visits every process in the container's cgroup and below. */
int groups_each(const struct groups *g, const struct state *s, groups_visit visit, void *arg, struct err *err);
