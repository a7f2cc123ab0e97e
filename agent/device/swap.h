/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Swap space of the guest. It is the whole machine's, so outside of a guest it answers -EPERM (the fence). Reads the
 * device, so it runs in a job. Stateless.
 */
#pragma once

#include "agent/device/host.h"
#include "lib/err.h"

/* As device_add_swap, to the virtio disk at a PCI path ("1e/03"), which is waited for. */
int device_add_swap_pci(const struct device_host *host, const char *path, struct err *err);

/* Has the kernel swap to a device or file that was made for it; the error names the path. */
int device_add_swap(const char *path, struct err *err);
