/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that exec starts: from a file, or the container's own with what the options change. Lives in the caller's
 * arena; shares what is unchanged with the container's specification.
 */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/flags.h"
#include "lib/oci.h"

struct oci_exec_options {
	const char *file; /* --process; then all others are ignored, as by runc */
	const char *cwd, *user, *apparmor, *label;
	struct flag_list env, caps, gids;
	bool tty, no_new_privs;
};

/* Makes the process; argv is its command. Not checked further. A capability that nobody knows is
 * an error, or its name appended to `ignored` if that is not NULL. */
int oci_exec_make(struct arena *arena, const struct oci_spec *spec, const struct oci_exec_options *options, int argc,
                  char **argv, struct buf *ignored, struct oci_process **ret, struct err *err);

/* "uid" or "uid:gid", numbers only: a name would have to be looked up in a file of the image. -EINVAL. */
int oci_exec_parse_user(const char *text, uid_t *ret_uid, gid_t *ret_gid);

/* Adds "NAME=value" variables to a process. */
int oci_exec_add_env(struct arena *arena, struct oci_process *process, const char *const *v, size_t n);
