/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes in memory: what Kubernetes calls an emptyDir of medium "Memory" is a tmpfs of the host's. The guest gets one
 * of its own in its place, which the containers of a pod share, and whose size follows the guest's memory up to the
 * size of the host's. A list owns its volumes.
 */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/list.h"
#include "lib/oci.h"
#include "proto/agent.pb-c.h"

#define EPHEMERAL_DIR "/run/kata-containers/sandbox/ephemeral"

struct ephemeral {
	struct list link;
	char *target;   /* in the guest */
	uint64_t bytes; /* what the host's may hold */
	gid_t gid;      /* of the host's */
};

/*
 * Finds the bind mounts that are such volumes: each is put into the list, its source becomes the guest's, and
 * is_guests[] of it becomes true.
 */
int ephemeral_take(struct arena *arena, struct oci_spec *spec, struct list *volumes, bool *is_guests, struct err *err);

/* Adds the volumes to the storages, of which there are *n in an array that has room; 0 or -ENOMEM. */
int ephemeral_tell(struct arena *arena, const struct list *volumes, int64_t memory_mib, bool remount,
                   Grpc__Storage **storages, size_t *n);

/* Frees all of a list. */
void ephemeral_free_all(struct list *volumes);
