/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container specification that `run` and `connect` send: from a bundle's config.json, or a default one around a
 * root file system, then changed by the command line. Plain structs in the caller's arena; sends nothing.
 */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"
#include "lib/options.h"

struct spec_options {
	const char *id;
	const char *bundle, *rootfs, *config; /* exactly one; rootfs as the agent sees it, or below share_host */
	const char *share_host, *share_guest; /* a directory of the host and where the guest sees it, or NULL */
	struct option_list env;
	const char *cwd, *user, *hostname, *cpus;
	struct option_number memory, pids;
	bool tty, readonly;
	char **args;
	size_t n_args; /* 0 = the bundle's, or a shell */
};

/* Builds the specification; namespaces that are the agent's or the virtual machine's business are taken out. */
int spec_build(const struct spec_options *o, struct arena *arena, struct oci_spec **ret, struct err *err);

/* Splits "HOST:GUEST" into the arena. */
int spec_parse_share(const char *text, struct arena *arena, struct spec_options *o, struct err *err);

/* "UID" or "UID:GID", numbers only, since the names are in the guest's file system. */
int spec_parse_user(const char *text, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err);

/* "1.5" CPUs to a quota in microseconds of a period of 100,000. */
int spec_parse_cpus(const char *text, int64_t *ret_quota, struct err *err);

/* The environment of a process: PATH (and TERM for a terminal), the base, then "K=V" entries that replace the same K.
 */
int spec_merge_env(const struct oci_strings *base, const struct option_list *more, bool tty, struct arena *arena,
                   struct oci_strings *ret);
