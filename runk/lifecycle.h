/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container from its bundle to its created process, and its end: what create, run, start and delete share. Owns all
 * that is made on the way; a creation that fails leaves nothing behind.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>

#include "agent/namespaces/nspace.h"
#include "lib/cgroup_scope.h"
#include "runk/bundle.h"
#include "runk/groups.h"
#include "runk/launch.h"
#include "runk/state.h"

struct lifecycle {
	struct arena arena;
	struct state state;
	struct groups groups;
	struct bundle bundle;
	struct nspace_plan nspaces;
	struct cgroup_plan cgroup;
	struct cgroup_scope scope;         /* with --systemd-cgroup */
	struct cgroup_scope_keeper keeper; /* while the container is being built */
	struct launch launch;
	int fifo, late; /* the child's, of a container that another runk starts */
};

#define LIFECYCLE_INIT                                                                                                 \
	{                                                                                                              \
		.state = STATE_INIT, .keeper = CGROUP_SCOPE_KEEPER_INIT, .launch = LAUNCH_INIT, .fifo = -EBADF,        \
		.late = -EBADF                                                                                         \
	}
#define _autolifecycle_ _cleanup_(lifecycle_done)

/* Frees and closes; the container stays. */
void lifecycle_done(struct lifecycle *l);

/*
 * Creates the container `id`: it is ready to exec, its state is saved, its lock held. With `detached` it is parked on
 * the FIFO in its directory, else on a socket of ours. On failure all is undone.
 */
int lifecycle_create(struct lifecycle *l, const struct runk *runk, const struct launch_options *options, const char *id,
                     bool detached, struct err *err);

/* Lets the process of a created container go, through its FIFO, and waits until exec has worked. */
int lifecycle_start(const struct runk *runk, struct state *s, struct err *err);

/* The same for one that we have created and that is parked on our socket. */
int lifecycle_release(struct lifecycle *l, struct err *err);

/* Kills what is left of the container and removes all traces of it. */
int lifecycle_destroy(const struct runk *runk, struct state *s, struct err *err);
