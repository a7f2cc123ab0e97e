/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks that run in the agent's own namespaces, as a job: those of the spec and, after them, those that the guest's
 * image brings (CreateSandbox' guest_hook_path). A spec's hook that fails before the start is an error; all others, and
 * every hook of the image, as in upstream's agent, are logged. Owned by whoever waits for it. Also writes what hooks
 * read: config.json in the container's bundle directory.
 */
#pragma once

#include "lib/err.h"
#include "lib/job.h"
#include "lib/oci.h"

#define HOOKS_DEFAULT_S 10 /* for a hook that does not say how long it may take, as upstream */

struct container;
struct hookjob;

enum hook_stage {
	HOOK_STAGE_CREATE, /* prestart and createRuntime */
	HOOK_STAGE_START,  /* poststart */
	HOOK_STAGE_STOP,   /* poststop */
};

/* Told once; the hook job may be freed inside. r < 0 in HOOK_STAGE_CREATE only, or when the job itself failed. */
typedef void (*hookjob_done)(struct hookjob *h, int r, const struct err *err);

struct hookjob {
	struct job job;
	const struct container *c;
	enum hook_stage stage;
	hookjob_done done;
};

/* True if there may be hooks for this stage. */
bool hookjob_is_needed(const struct container *c, enum hook_stage stage);

/* True if the container's child has to stop before pivot_root for somebody. */
bool hookjob_stops_before_pivot(const struct container *c);

/* How long a launch may take longer for the hooks that its child runs: createContainer and startContainer. */
unsigned hookjob_child_budget_ms(const struct container *c);

/* Starts it; the container lives until it is done or cancelled. */
int hookjob_start(struct hookjob *h, const struct container *c, enum hook_stage stage, hookjob_done done,
                  struct err *err);

/* Kills it and its hook; idempotent, and fine for one of all zeroes. */
void hookjob_cancel(struct hookjob *h);

/* Writes the spec, with the rootfs as it is, to config.json of the container's bundle, if there are hooks to read it.
 * For the builder job. */
int hookjob_write_config(const struct container *c, const char *root, struct err *err);
