/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks by the names that hosts give them, one way of looking per kind: "blk" (PCI path of a virtio-blk device, or a
 * path below /dev), "scsi" ("id:lun"), "nvdimm" and "mmioblk" (paths below /dev). Waits for a disk that is not there
 * yet, so it runs in a job. Outside of a guest SCSI hosts are not asked to search (the fence). Stateless.
 */
#pragma once

#include <limits.h>

#include "agent/device/host.h"

struct device_disk {
	char path[NAME_MAX + sizeof("/dev/")]; /* "/dev/vda" */
	unsigned major_nr, minor_nr;
};

/* True if disks of this kind ("blk", …) are known here, if only to be refused by device_wait_disk. */
bool device_is_disk_kind(const char *kind);

/*
 * Waits until the disk is there and can be opened. -EINVAL for a name that is none, -EOPNOTSUPP for a kind of another
 * machine ("blk-ccw"), -ENOTBLK for a path that is no block device, -ETIMEDOUT with a list of the disks that there are.
 */
int device_wait_disk(const struct device_host *host, const char *kind, const char *name, struct device_disk *ret,
                     struct err *err);
