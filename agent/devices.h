/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of containers and storages: what the host names by its bus address is waited for, and then stands in the
 * storage or in the container's specification as the guest knows it. What waits runs in jobs, the rest is pure.
 */
#pragma once

#include "agent/devices_spec.h"
#include "agent/mount/storage.h"
#include "agent/options.h"
#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"

#define DEVICES_MAX             256 /* of a container */
#define DEVICES_TIMEOUT_MAX_S   600 /* of agent.hotplug_timeout */
#define DEVICES_DEADLINE_MAX_MS (30 * 60 * 1000u)

/* How long each device may take: agent.hotplug_timeout, at most DEVICES_TIMEOUT_MAX_S. */
unsigned devices_timeout_ms(const struct options *options);

/* True if the storage is on a disk that may have to be waited for. */
bool devices_must_wait(const struct storage_config *config);

/*
 * Waits for the disk that a storage is on, in a job: its source becomes the path below /dev, and the type of the file
 * system is looked up if the host did not say it. Other storages stay as they are. Text is allocated in the arena.
 */
int devices_prepare_storage(struct arena *arena, struct storage_config *config, unsigned timeout_ms, struct err *err);

/* Checks what a container's devices need to have: type, id or vm_path, container_path, and a type that is known. */
int devices_check(const struct device_config *configs, size_t n, struct err *err);

/* Longest time that devices_find may take, in ms. */
unsigned devices_deadline_ms(const struct device_config *configs, size_t n, unsigned timeout_ms);

/* Waits for a container's devices, in a job, and appends a struct device_found for each thing that it found. */
int devices_find(const struct device_config *configs, size_t n, unsigned timeout_ms, struct buf *ret, struct err *err);
