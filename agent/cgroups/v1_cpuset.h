/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a v1 cpuset does not do by itself: a new one is empty and takes no process, and CPUs that come later are the
 * root's alone.
 */
#pragma once

#include "agent/cgroups/ops.h"

/* Fills cpus and mems of the cpuset `dir` from its parent's where they are empty. */
int cgroup_v1_cpuset_inherit(int parent, int dir);

/* As cgroup_find_own_cpus. */
unsigned cgroup_v1_find_own_cpus(const struct cgroup_at *at);

/* As cgroup_follow_cpus. */
int cgroup_v1_follow_cpus(const struct cgroup_at *at, const struct oci_cpu *cpu, unsigned own, struct err *err);
