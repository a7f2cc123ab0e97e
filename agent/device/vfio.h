/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI functions that the host has assigned to the guest: found by PCI path, and given to the vfio-pci driver so that a
 * container can drive them itself. Waits for what is not there yet, so it runs in a job. Outside of a guest no driver
 * is changed (the fence). Stateless.
 */
#pragma once

#include "agent/device/host.h"
#include "lib/pcipath.h"

#define DEVICE_NODE_MAX 64

struct device_node {
	char path[DEVICE_NODE_MAX]; /* "/dev/vfio/5" */
	unsigned major_nr, minor_nr;
};

/* Waits for the PCI function at a path ("02/01"); its address in the guest. Errors as device_wait, -EINVAL. */
int device_wait_pci(const struct device_host *host, const char *path, struct pci_address *ret, struct err *err);

/* Gives a function to vfio-pci and tells its IOMMU group; -ENODEV if it has none or the driver did not take it. */
int device_bind_vfio(const struct device_host *host, const struct pci_address *address, unsigned *ret_group,
                     struct err *err);

/* Waits for the node of an IOMMU group. */
int device_wait_vfio_group(const struct device_host *host, unsigned group, struct device_node *ret, struct err *err);

/* The character devices in a directory of /dev ("infiniband"), at most max; how many, 0 without the directory, -errno.
 */
int device_list_nodes(const struct device_host *host, const char *dir, struct device_node *ret, size_t max,
                      struct err *err);
