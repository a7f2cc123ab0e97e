/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device filter of cgroup v1. The kernel knows a default (all or nothing) and exceptions from it, and no order: our
 * list, in which the last match wins, is brought into that form, or refused where it has none.
 */
#pragma once

#include "agent/cgroups/ops.h"

struct cgroup_v1_exception {
	char type; /* 'b' or 'c' */
	int64_t major, minor;
	char access[4];
};

struct cgroup_v1_devices {
	bool allow; /* what holds for all that no exception names */
	struct cgroup_v1_exception *v;
	size_t n;
};

/* Brings the rules into the kernel's form; -EOPNOTSUPP names the rule that would have to make a hole in another one. */
int cgroup_v1_devices_compile(struct arena *arena, const struct oci_device_rule *rules, size_t n,
                              struct cgroup_v1_devices *ret, struct err *err);

/* Writes the rules to the cgroup's devices.allow and devices.deny. */
int cgroup_v1_devices_apply(const struct cgroup_at *at, const struct oci_device_rule *rules, size_t n, struct err *err);
