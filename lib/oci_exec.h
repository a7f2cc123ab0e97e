/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that exec starts: from a file, or the container's own with what the options change. Lives in the caller's
 * arena; shares what is unchanged with the container's specification.
 */
#pragma once

#include <stddef.h>

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

/* Rows of options for a struct with a struct oci_exec_options at this offset; labels are the verb's own. */
#define OCI_EXEC_FLAGS(at)                                                                                             \
	OCI_EXEC_FLAG(at, "process", 'p', FLAG_TEXT, file, "a process as JSON, instead of command and options"),       \
		OCI_EXEC_FLAG(at, "cwd", 0, FLAG_TEXT, cwd, "working directory"),                                      \
		OCI_EXEC_FLAG(at, "env", 'e', FLAG_LIST, env, "set a variable"),                                       \
		OCI_EXEC_FLAG(at, "tty", 't', FLAG_BOOL, tty, "with a terminal"),                                      \
		OCI_EXEC_FLAG(at, "user", 'u', FLAG_TEXT, user, "<uid>[:<gid>]"),                                      \
		OCI_EXEC_FLAG(at, "additional-gids", 'g', FLAG_LIST, gids, "one more group"),                          \
		OCI_EXEC_FLAG(at, "cap", 'c', FLAG_LIST, caps, "one more capability"),                                 \
		OCI_EXEC_FLAG(at, "no-new-privs", 0, FLAG_BOOL, no_new_privs, "no privileges by exec")
#define OCI_EXEC_FLAG(at, name, letter, kind, member, help)                                                            \
	{                                                                                                              \
		name, letter, kind, (at) + offsetof(struct oci_exec_options, member), help                             \
	}

/* Makes the process; argv is its command. Not checked further. A capability that nobody knows is an error, or its
 * name appended to `ignored` if that is not NULL. */
int oci_exec_make(struct arena *arena, const struct oci_spec *spec, const struct oci_exec_options *options, int argc,
                  char **argv, struct buf *ignored, struct oci_process **ret, struct err *err);

/* "uid" or "uid:gid", numbers only: a name would have to be looked up in a file of the image. -EINVAL. */
int oci_exec_parse_user(const char *text, uid_t *ret_uid, gid_t *ret_gid);

/* Adds "NAME=value" variables to a process. */
int oci_exec_add_env(struct arena *arena, struct oci_process *process, const char *const *v, size_t n);
