/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a container as the OCI runtime specification words it: what hooks read from their stdin, what a seccomp
 * agent gets with its listener, what `runk state` prints. Owns nothing.
 */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"
#include "lib/oci.h"

#define OCI_STATE_VERSION "1.2.0" /* of the specification that the text follows */

struct oci_state {
	const char *id;
	const char *status; /* "creating", "created", "running", "stopped" */
	pid_t pid;          /* as its reader knows it; 0 = none */
	const char *bundle;
	const struct oci_pairs *annotations; /* may be NULL */
};

/* Appends the state as a JSON object; errors of buf_add. */
int oci_state_format(const struct oci_state *state, struct buf *out);

/*
 * Appends the "container process state" that goes to a seccomp agent with the fds of its names: the process's pid, the
 * metadata of the spec (may be NULL), and the state of its container. Errors of buf_add.
 */
int oci_process_state_format(const struct oci_state *state, pid_t pid, const char *metadata, struct buf *out);
