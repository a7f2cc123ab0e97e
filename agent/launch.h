/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's side of building a process: stdio, the builder job that runs container_build (child.h), the reports of
 * the child, the parking before exec, and the release. Owned by its process, gone when exec has worked or all has
 * failed. The agent itself never changes its namespaces and never waits.
 */
#pragma once

#include "agent/completion.h"
#include "lib/err.h"

struct process;
struct container;
struct launch;
struct oci_process;

#define LAUNCH_DEADLINE_MS 60000 /* from the start to "ready"; file systems of the host may be slow */

/*
 * Told once: r 0 = parked and ready (before launch_release), or -errno with the reason; the launch may be freed inside.
 */
typedef void (*launch_ready)(struct process *p, int r, const struct err *err);

/* Starts building `p` as the container's init (is_init) or as an exec of it; `what` lives as long as the process. */
int launch_start(struct process *p, const struct oci_process *what, launch_ready ready, struct err *err);

/* Lets the parked child go; `done` completes when exec has worked or failed. */
int launch_release(struct launch *l, struct completion *done, struct err *err);

/* Kills a parked child that could not be released, and frees the launch. */
void launch_abandon(struct process *p);

/* Reads the child's reports that are already there; NULL is fine. Called before its exit is recorded. */
void launch_settle(struct launch *l);

/* Kills a builder that runs, closes everything; nobody is told. Returns NULL. */
struct launch *launch_free(struct launch *l);
