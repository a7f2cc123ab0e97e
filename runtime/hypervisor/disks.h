/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that are plugged into a running QEMU and taken out again: each is a target of the SCSI controller that every
 * machine of ours has, so that neither ACPI nor free slots of a bus have a part in it. A step that fails is undone down
 * to the first. Each disk goes its own way: none waits for another. Embedded in the owner of the monitor; what is on a
 * disk, and whose it is, are others' business.
 */
#pragma once

#include <json-c/json.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "runtime/hypervisor/qmp.h"

#define DISKS_MAX       128   /* in a VM, at a time */
#define DISKS_MS        20000 /* until QEMU has answered */
#define DISKS_DELETE_MS 15000 /* until it has let a device go */

struct disks_spec {
	int fd;          /* the caller's, until he is told */
	bool is_device;  /* of a block device, else of a file */
	bool read_only;  /* then the fd must be, too */
	const char *aio; /* QEMU's way to read and write; must be constant */
};

/*
 * Told once, from the loop: the disk has the number `slot`, its SCSI target (lun 0), or err says why not and nothing of
 * it is left. Of a removal: err NULL = it is gone; else it is of no use any more, but QEMU may still have the file
 * open.
 */
typedef void (*disks_fn)(void *arg, int slot, const struct err *err);

struct disks_slot;

struct disks {
	struct loop *loop;
	struct qmp *qmp;  /* NULL = not begun */
	unsigned n_tried; /* a number is used again only after all others: the guest may not have seen it go yet */
	struct disks_slot *slots[DISKS_MAX];
};

/* For a new monitor, which must outlive it. */
void disks_init(struct disks *d, struct loop *loop, struct qmp *qmp);

/* Forgets all, what is under way without a call. Idempotent, also for one that is all zeroes. */
void disks_end(struct disks *d);

/* Begins; fn is called later. 0, -ENOSPC, -ENOTCONN or another -errno: then fn never comes. */
int disks_plug(struct disks *d, const struct disks_spec *spec, disks_fn fn, void *arg);

/* Takes a disk out that was plugged in. 0 or -errno: then fn never comes. */
int disks_unplug(struct disks *d, int slot, disks_fn fn, void *arg);

/* One of the monitor's events; those that mean nothing here are ignored. */
void disks_event(struct disks *d, const char *name, struct json_object *data);
