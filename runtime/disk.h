/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks of a container: block devices of the host that its specification names, in linux.devices or as the source
 * of a bind mount, and where there is no share its root file system and the directories that it mounts. They are opened
 * here and taken out of the specification as far as the guest cannot have them; who plugs them in is the sandbox. A
 * list owns its disks.
 */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/list.h"
#include "lib/oci.h"
#include "runtime/rootfs.h"

struct disk {
	struct list link;
	char *path;  /* in the container; NULL = its root file system */
	char *mount; /* where the guest mounts it, for the container to bind; NULL = it is a device or the root */
	char *dir;   /* of the host, of which its image is yet to be made; NULL = the source is one already */
	bool dir_read_only;   /* nobody will write to that image */
	struct rootfs source; /* the fd is ours until QEMU has it */
	int slot;             /* its number in the VM, negative = not plugged in */
};

/* What a container may have. */
struct disk_policy {
	const char *id;    /* of the container, for errors */
	bool is_forbidden; /* disable_block_device_use */
};

/* A disk at the end of the list, without a source; NULL when memory is out. `path` is copied, may be NULL. */
struct disk *disk_add(struct list *disks, const char *path);

/* Closes and frees. Returns NULL. */
struct disk *disk_free(struct disk *disk);

/* The same for all of a list. */
void disk_free_all(struct list *disks);

/*
 * Opens the block devices of linux.devices and makes devices of bind mounts of block devices. Where all devices of the
 * host are allowed, as for privileged containers, those that are empty or in use are left out; otherwise they are an
 * error. *ret_is_guests says of each mount that is left whether its source is the guest's own (a character device's
 * node). The specification changes within the arena.
 */
int disk_take_devices(struct arena *arena, struct oci_spec *spec, const struct disk_policy *policy, struct list *disks,
                      bool **ret_is_guests, struct err *err);

/*
 * Where there is no share: a directory that is mounted read-only becomes a disk that is yet to be packed, which the
 * guest mounts; its mount's source becomes the guest's, and is_guests[] of it true. One that could be written to is an
 * error.
 */
int disk_take_directories(struct arena *arena, struct oci_spec *spec, const struct disk_policy *policy,
                          const char *bundle, struct list *disks, bool *is_guests, struct err *err);
