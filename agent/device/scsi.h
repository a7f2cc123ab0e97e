/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCSI addresses as hosts send them, "id:lun" on channel 0 of whichever SCSI host has it. Stock guests run with
 * scsi_mod.scan=none, so the kernel finds a disk only when it is asked to search. Stateless.
 */
#pragma once

#include <limits.h>

#include "agent/device/host.h"

struct device_scsi {
	unsigned id, lun;
};

/* Parses "id:lun", both decimal; -EINVAL names it. */
int device_scsi_parse(const char *text, struct device_scsi *ret, struct err *err);

/* Has every SCSI host search at the address; fails if there is a host and none would. For jobs in a guest. */
int device_scsi_scan(const struct device_host *host, const struct device_scsi *address, struct err *err);

/* The device at the address ("0:0:1:0"), that of the first host if several have one; 0, -ENOENT. */
int device_scsi_find(const struct device_host *host, const struct device_scsi *address, char name[NAME_MAX + 1]);
