/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a container's specification once its devices are there: the numbers in it are the host's and must be
 * the guest's; so must the addresses of PCI devices in the environment. Pure. New text lives in the arena of the
 * caller.
 */
#pragma once

#include "agent/device/vfio.h"
#include "lib/arena.h"
#include "lib/oci.h"
#include "lib/pcipath.h"

/* A device of CreateContainer. */
struct device_config {
	char *id, *type, *vm_path, *container_path;
	struct oci_strings options;
};

/* Something that was found in the guest. */
struct device_found {
	enum device_found_kind {
		DEVICE_FOUND_NODE,  /* the device of the configuration `index` is this node */
		DEVICE_FOUND_EXTRA, /* a node that comes with it */
		DEVICE_FOUND_PCI,   /* the function that the host calls `host` */
		DEVICE_FOUND_KIND_MAX,
		DEVICE_FOUND_KIND_INVALID = -22, /* -EINVAL */
	} kind;
	unsigned index;
	char type;    /* 'b' or 'c' */
	bool renames; /* the container sees it at node.path, not where the configuration says */
	struct device_node node;
	struct pci_address host, guest;
};

/* Addresses of the host and what they are in the guest. */
struct device_pci_map {
	struct device_pci_pair {
		struct pci_address host, guest;
	} * v;
	size_t n;
};

/*
 * Puts the numbers of the guest into Linux.Devices and the rules of Resources.Devices, and appends a rule that allows
 * each. -ENODEV names the paths that the specification lacks, -EEXIST one that was given twice.
 */
int devices_update_spec(struct arena *arena, struct oci_spec *spec, const struct device_config *configs,
                        const struct device_found *found, size_t n, struct err *err);

/* Collects the PCI functions; 0 or -ENOMEM. */
int devices_make_pci_map(struct arena *arena, const struct device_found *found, size_t n, struct device_pci_map *ret);

/*
 * Translates the addresses in PCIDEVICE_*=ADDRESS,… and in the text of PCIDEVICE_*_INFO. Nothing is changed when the
 * map is empty; -ENOENT names an address that is not in it.
 */
int devices_update_env(struct arena *arena, struct oci_strings *env, const struct device_pci_map *map, struct err *err);
