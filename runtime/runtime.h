/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every verb of kata-runtime knows: the global options, and where errors go. One per process, owned by main. No
 * verb changes it.
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"

#define RUNTIME_EXIT_FAILED 1   /* ours, not the container's */
#define RUNTIME_EXIT_EXEC   255 /* exec could not start the process */

struct runtime {
	const char *root;   /* directory of the sandboxes */
	const char *config; /* a configuration file, NULL = the usual places */
	const char *log, *log_format, *rootless, *criu;
	bool debug, systemd_cgroup, help, version, show_paths;
};

/* Checks the global options and fills in what was not given. */
int runtime_init(struct runtime *rt, struct err *err);

/* Tells the user, and the log if there is one, why the verb failed. */
void runtime_log_error(const struct runtime *rt, const struct err *err);

/* Writes a line to the log, which users do not see: level is "info" or "warning". */
_printf_(3, 4) void runtime_log(const struct runtime *rt, const char *level, const char *fmt, ...);
