/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the VM as large as its live containers need: computes the size (runtime/sizing.h), has QEMU changed
 * (runtime/hypervisor/hotplug.h), then has the agent put to use what came. One at a time; whoever asks meanwhile gets a
 * turn of his own. What could not be done is logged and in the sandbox's state, and is no failure of what comes after:
 * a container in a VM that is smaller than it should be runs, only slower. Embedded in the sandbox.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/list.h"
#include "lib/loop.h"
#include "lib/oci.h"
#include "runtime/hypervisor/hotplug.h"
#include "runtime/sizing.h"

struct container;
struct sandbox;

/* The VM has the size that it can have. */
typedef void (*resize_fn)(void *arg);

struct resize {
	struct list waiters;
	unsigned turn; /* of the one under way, or else of the next */
	bool is_running;
	bool is_fixed;     /* it has for good the size that it was started with */
	int64_t block_mib; /* of the guest's memory, 0 = not asked yet */
	struct sizing_result boot, now, want;
	struct loop_deferred deferred;
};

/* Nothing is asked yet. */
void resize_init(struct resize *r);

/* The VM was started with that size, from which it may not (is_fixed) or may change. */
void resize_started(struct resize *r, const struct sizing_result *size, bool is_fixed);

/* Makes the VM fit its live containers; fn (may be NULL) is called once, from the loop. */
void resize_ask(struct sandbox *sb, resize_fn fn, void *arg);

/* Pins the threads of the guest's CPUs, if that is configured, to what the live containers' cpusets say. */
void resize_pin(struct sandbox *sb);

/* The VM has gone: everybody is told now, nothing more is done. */
void resize_stop(struct sandbox *sb);

/* Whoever asked with that arg (NULL: everybody) is gone. */
void resize_forget(struct sandbox *sb, const void *arg);

/* What the container asks for from now on: all of it at create, what is given at an update. 0 or -ENOMEM. */
int resize_demand(struct container *c, const struct oci_resources *resources);
