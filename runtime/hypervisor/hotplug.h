/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a running QEMU larger and smaller: CPUs, and memory as DIMMs or by virtio-mem. It asks QEMU what is there each
 * time, so that nothing has to be remembered, and waits for what the guest says to it (ACPI_DEVICE_OST, DEVICE_DELETED,
 * MEMORY_DEVICE_SIZE_CHANGE). What size is right, and what the guest's agent has to do, are others' business. Embedded
 * in the owner of the monitor; private members are for hotplug*.c.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "runtime/hypervisor/qmp.h"
#include "runtime/hypervisor/vm.h"

#define HOTPLUG_COMMAND_MS 15000
#define HOTPLUG_ARRIVE_MS  3000  /* a guest that says nothing may have taken it all the same */
#define HOTPLUG_LEAVE_MS   20000 /* until a guest gives something up, or goes on giving up parts of it */

struct hotplug_size {
	int64_t vcpus, memory_mib; /* in all */
};

/*
 * Told once. `now` is the size that QEMU has, as far as it is known; `err` is NULL if that is what was wanted, else it
 * says why not: what could be done has been done.
 */
typedef void (*hotplug_fn)(void *arg, const struct hotplug_size *now, const struct err *err);

struct hotplug {
	struct loop *loop;
	struct qmp *qmp;   /* NULL = not begun */
	int64_t boot_mib;  /* memory that is not plugged in */
	bool is_shared;    /* others map the guest's memory */
	bool is_hugepages; /* it comes from the machine's huge pages */
	bool is_emulated;
	bool is_brittle; /* another device or other memory would be its end */
	bool is_busy;
	unsigned arriving; /* what was plugged in and the guest has not said anything of */
	char *leaving;     /* id or QOM path of what is being taken out, NULL = nothing */
	int64_t slot;      /* of a CPU that is being taken out, -1 = none */
	struct hotplug_size want, now;
	int64_t virtio_target;       /* bytes that virtio-mem was asked for, -1 = it was not */
	struct json_object *devices; /* what QEMU says there is */
	struct json_object *device;  /* the one at hand */
	struct loop_timer timer;
	void (*next)(struct hotplug *h, bool done); /* when nothing arrives or leaves any more */
	struct err err;
	hotplug_fn fn;
	void *arg;
};

/* For a QEMU that was started so; the monitor must outlive it. */
void hotplug_init(struct hotplug *h, struct loop *loop, struct qmp *qmp, const struct vm_spec *vm);

/* Forgets what is under way, without a call. Idempotent, also for one that is all zeroes. */
void hotplug_end(struct hotplug *h);

/* Begins; fn is called from the loop. -EBUSY while one is under way, or another -errno: then fn never comes. */
int hotplug_resize(struct hotplug *h, const struct hotplug_size *want, hotplug_fn fn, void *arg);

/* One of the monitor's events; those that mean nothing here are ignored. */
void hotplug_event(struct hotplug *h, const char *name, struct json_object *data);

/* --- between hotplug*.c ------------------------------------------------------------------------------------------ */

/* Sends a command whose arguments become the monitor's; a failure to send ends everything. */
void hotplug_command(struct hotplug *h, const char *name, struct json_object *arguments, qmp_done done);

/* Keeps the first reason. */
void hotplug_note(struct hotplug *h, const struct err *err);

/* True, and noted, if the emulator would not survive it. */
bool hotplug_is_refused(struct hotplug *h);

/* Waits until the guest has said something to all that arrives, or for long enough, then calls next. */
void hotplug_await(struct hotplug *h, void (*next)(struct hotplug *h, bool done));

/* Takes a device (a CPU: in that slot, else -1) out and waits for the guest; next is told whether it is gone. */
void hotplug_remove(struct hotplug *h, const char *device, int64_t slot, void (*next)(struct hotplug *h, bool done));

/* Starts with the memory, when the CPUs are done. */
void hotplug_memory(struct hotplug *h);

/* virtio-mem has another size. */
void hotplug_memory_event(struct hotplug *h, struct json_object *data);

/* Everything has been tried. */
void hotplug_finish(struct hotplug *h);
