/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every verb of runk knows: the global options, and where errors go. One per process, owned by main. No verb
 * changes it.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "lib/arena.h"
#include "lib/err.h"

#define RUNK_SPEC_VERSION "1.2.0" /* of the OCI runtime specification that we follow */

#define RUNK_EXIT_FAILED 1   /* ours, not the container's */
#define RUNK_EXIT_EXEC   255 /* exec could not start the process */

struct runk {
	struct arena *arena; /* main's, for paths that were made absolute */
	const char *root;    /* directory of the containers' states */
	const char *log, *log_format, *rootless, *criu, *cgroup_manager;
	bool debug, systemd_cgroup, help, version;
	bool no_cgroups;  /* --cgroup-manager=disabled */
	bool is_rootless; /* we are not root, or of a user namespace only: cgroups are used if we may */
};

/* Fills in what was not given on the command line; the root directory is not made yet. */
int runk_init(struct runk *runk, struct err *err);

/* A path of the command line is the caller's, who knows nothing of our going to the bundle; NULL stays. */
int runk_make_absolute(const struct runk *runk, const char **path, struct err *err);

/* Tells the user, and the log if there is one, why the verb failed. */
void runk_log_error(const struct runk *runk, const struct err *err);

/* Tells of a failure that ends nothing. */
void runk_log_warning(const struct runk *runk, const char *fmt, ...) _printf_(2, 3);
