/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI paths as hosts name devices: "02/1f.3" is function 3 of slot 0x1f behind the bridge in slot 2. Bus numbers are
 * the guest's own business, so a path is resolved by walking /sys. Waits for nothing.
 */
#pragma once

#include "lib/err.h"

#define PCI_PATH_DEPTH_MAX 16
#define PCI_PATH_SYSFS_MAX 512

#define PCI_ADDRESS_TEXT_MAX sizeof("0000:00:00.0")

struct pci_path {
	unsigned root_bus;
	unsigned n; /* at least 1 */
	struct {
		unsigned slot, function;
	} at[PCI_PATH_DEPTH_MAX];
};

/* Where a function is on its machine: host and guest count their own way. */
struct pci_address {
	unsigned domain, bus, slot, function;
};

/* Parses "SS[.F]/SS[.F]/…"; with three or more parts a first one of 20 or more is the root bus. -EINVAL names it. */
int pci_path_parse(const char *text, struct pci_path *ret, struct err *err);

/* The device's directory relative to the fd of /sys, into buf[PCI_PATH_SYSFS_MAX]; -ENOENT while it is not there. */
int pci_path_resolve(int sysfs, const struct pci_path *path, char *buf);

/* Parses "DDDD:BB:SS.F", all of the text; -EINVAL. */
int pci_address_parse(const char *text, struct pci_address *ret);

/* The text of an address, of PCI_ADDRESS_TEXT_MAX bytes. Returns buf. */
const char *pci_address_format(const struct pci_address *address, char *buf);
