/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON form of a container's state, both ways. What we print for others is the OCI state with the members that runc
 * adds; our own file has those that we need besides. Pure but for the names of users.
 */
#pragma once

#include "lib/buf.h"
#include "lib/err.h"
#include "runk/state.h"

enum statefile_form {
	STATEFILE_OURS,   /* the file */
	STATEFILE_PRETTY, /* for `state` */
	STATEFILE_PLAIN,  /* one line, for hooks and `list` */
};

/* Appends the state; -ENOMEM. */
int statefile_format(const struct state *s, enum state_status status, enum statefile_form form, struct buf *out);

/* Fills in what the file says; what is missing stays as it is. -EINVAL for what is no state of ours. */
int statefile_parse(const char *text, size_t len, struct state *s, struct err *err);
