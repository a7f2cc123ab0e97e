/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of one v1 cgroup, which is a directory in each of several hierarchies. Finds the right one by its controller;
 * -ENXIO where that controller is not mounted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/cgroups/ops.h"

/* "<dir of the hierarchy><path>[/<file>]" into buf of PATH_MAX bytes, file may be NULL; -ENAMETOOLONG. */
int cgroup_v1_name(const struct cgroup_hierarchy *h, const char *path, const char *file, char *buf);

/* Directory fd of the cgroup in the hierarchy of this controller. */
int cgroup_v1_open(const struct cgroup_at *at, enum cgroup_controller controller);

/* True if the controller is mounted. */
bool cgroup_v1_has(const struct cgroup_at *at, enum cgroup_controller controller);

/* Writes text to a file of the cgroup. */
int cgroup_v1_write(const struct cgroup_at *at, enum cgroup_controller controller, const char *file, const char *text);

/* Reads a file of the cgroup; the caller's. */
int cgroup_v1_read(const struct cgroup_at *at, enum cgroup_controller controller, const char *file, char **ret);
