/* SPDX-License-Identifier: Apache-2.0 */
/* What is on a disk, as libblkid sees it. Reads the disk, so it runs in a job. Stateless. */
#pragma once

#include "lib/err.h"

#define DEVICE_FSTYPE_MAX 32

/* The type of the file system on a device or image into ret; -ENOENT if there is none, -ENOTUNIQ if several fit. */
int device_find_fstype(const char *path, char ret[DEVICE_FSTYPE_MAX], struct err *err);
