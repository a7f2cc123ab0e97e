/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent and the guest hold right now: the figures for leak checks and memory tables. Reads /proc and cgroups,
 * so it runs in a job, whose parent the agent is.
 */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"

/*
 * Appends {"fds","mounts","processes","cgroups","rss_kb","pss_kb","anonymous_kb","mem_total_kb","mem_used_kb"} as JSON;
 * the first and the sizes in kB are those of process `agent`, the rest the guest's. cgroups counts directories below
 * root.
 */
int guestinfo_write(pid_t agent, const char *cgroup_root, struct buf *out, struct err *err);
