/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent behind the fence holds, as the machine sees it: for leak checks before and after. Owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct holdings {
	int fds, mounts, children, cgroups, files;
};

/* Counts; the cgroup is the fence's. */
struct holdings holdings_count(pid_t agent, const char *cgroup);

/* True if they are the same. */
bool holdings_are_same(const struct holdings *a, const struct holdings *b);
