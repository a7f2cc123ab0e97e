/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a container, for who wants to see them as ps(1) would show them: read from its cgroup and from
 * /proc. May block as all reading of a dying cgroup: for a job.
 */
#pragma once

#include "agent/cgroups/cgroup.h"
#include "lib/buf.h"

#define PROCESSLIST_COMMAND_MAX 4096 /* bytes of a command line; longer ones are cut */

/*
 * Appends {"processes":[{"pid","ppid","uid","tty","age_s","cpu_ms","command"}]}, numbers as the guest has them. `proc`
 * is a directory fd of /proc. What ends meanwhile is left out.
 */
int processlist_write(const struct cgroup_host *host, const char *path, int proc, struct buf *out, struct err *err);

/* What /proc/PID/stat says; false if it is none. Exported for its test. */
struct processlist_stat {
	char command[64]; /* in brackets, as ps shows what has no command line */
	pid_t ppid;
	int tty;
	uint64_t cpu_ticks, start_ticks;
};
bool processlist_parse_stat(const char *text, struct processlist_stat *ret);
