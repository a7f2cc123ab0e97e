/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that are plugged into a running QEMU and taken out again: each is a target of the SCSI controller that every
 * machine of ours has, so that neither ACPI nor free slots of a bus have a part in it; or, if that is wanted, a virtio
 * disk of its own behind one of the PCI bridges. A step that fails is undone down to the first. Each disk goes its own
 * way: none waits for another. Embedded in the owner of the monitor; what is on a disk, and whose it is, are others'
 * business.
 */
#pragma once

#include <json-c/json.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/loop.h"
#include "runtime/hypervisor/qmp.h"

#define DISKS_MAX       128   /* in a VM, at a time */
#define DISKS_MS        20000 /* until QEMU has answered */
#define DISKS_DELETE_MS 15000 /* until it has let a device go */

/* How QEMU's command line makes the bridges: the first one's place on the root bus, and what each has room for. */
#define DISKS_BRIDGE_SLOT  2
#define DISKS_BRIDGE_ROOMS 30

struct disks_spec {
	int fd;          /* the caller's, until he is told */
	bool is_device;  /* of a block device, else of a file */
	bool read_only;  /* then the fd must be, too */
	const char *aio; /* QEMU's way to read and write; must be constant */
};

/*
 * Told once, from the loop: the disk has the number `slot`, or err says why not and nothing of it is left. Of a
 * removal: err NULL = it is gone; else it is of no use any more, but QEMU may still have the file open.
 */
typedef void (*disks_fn)(void *arg, int slot, const struct err *err);

struct disks_slot;

struct disks {
	struct loop *loop;
	struct qmp *qmp;  /* NULL = not begun */
	unsigned n_max;   /* numbers there are */
	bool is_virtio;   /* behind bridges, else SCSI */
	unsigned n_tried; /* a number is used again only after all others: the guest may not have seen it go yet */
	struct disks_slot *slots[DISKS_MAX];
};

/* For a new monitor, which must outlive it. With bridges the disks are behind these; 0 = targets of "scsi0". */
void disks_init(struct disks *d, struct loop *loop, struct qmp *qmp, unsigned n_bridges);

/* Forgets all, what is under way without a call. Idempotent, also for one that is all zeroes. */
void disks_end(struct disks *d);

/* Begins; fn is called later. 0, -ENOSPC, -ENOTCONN or another -errno: then fn never comes. */
int disks_plug(struct disks *d, const struct disks_spec *spec, disks_fn fn, void *arg);

/* Takes a disk out that was plugged in. 0 or -errno: then fn never comes. */
int disks_unplug(struct disks *d, int slot, disks_fn fn, void *arg);

/* How the agent finds the disk with that number: driver and source of a storage. 0 or -ENOMEM. */
int disks_name(const struct disks *d, int slot, struct arena *arena, const char **driver, const char **source);

/* One of the monitor's events; those that mean nothing here are ignored. */
void disks_event(struct disks *d, const char *name, struct json_object *data);
