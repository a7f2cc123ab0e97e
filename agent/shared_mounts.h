/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts that one container of the pod shares with another: what is mounted in a container that runs already appears in
 * one that has just been built, before its program starts. Runs in a job, by file descriptors only: the source is
 * cloned inside the one container's mount namespace and attached inside the other's.
 */
#pragma once

#include <stddef.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/job.h"

#define SHARED_MOUNTS_MAX     64
#define SHARED_MOUNTS_WAIT_MS 10000 /* for the sources to be mounted, as upstream */

struct container;

/* One SharedMount of the protocol; dst_ctr is the container that is created, whatever it says. */
struct shared_mount {
	char *name, *src_ctr, *src_path, *dst_ctr, *dst_path;
};

/* Checks what can be checked without looking: number and paths. */
int shared_mounts_check(const struct shared_mount *mounts, size_t n, struct err *err);

/*
 * Starts the job for a container whose init is parked. A source that is no container of the sandbox, or is not mounted
 * in time, is skipped: the reply has a line of text for each. Everything else is an error. The container stays.
 */
int shared_mounts_start(struct container *c, struct job *job, job_done done, struct err *err);
