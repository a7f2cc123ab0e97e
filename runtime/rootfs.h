/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's root file system as a disk of its VM: a block device that it is on already, or an image into which a
 * directory is packed. An image has no name: it is gone when the last who holds it is. Blocking.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"

#define ROOTFS_PACK_FD  3    /* where a process that packs has the image */
#define ROOTFS_FREE_MIB 1024 /* room in a packed root that may be written; the file is sparse */

struct rootfs {
	int fd; /* of the disk, the owner's; negative = it is no disk */
	bool is_device;
	bool read_only;
	const char *fstype; /* "" = the guest finds out */
};

/*
 * Looks whether the root at `path` is a block device (or one is mounted there, for reading only: the same file system
 * written to from two sides would not survive). Then 1 and *ret, else 0.
 */
int rootfs_find_device(const char *path, bool read_only, struct rootfs *ret, struct err *err);

/* Packs the directory: ext4, or erofs where nothing is written and the machine can make one. */
int rootfs_pack(const char *dir, bool read_only, struct rootfs *ret, struct err *err);

/* The same in three steps, of which the second takes long and may be another process's: a new image's fd, or -errno. */
int rootfs_open_image(struct err *err);

/* Packs the directory into the image. */
int rootfs_fill_image(int fd, const char *dir, bool read_only, struct err *err);

/* Makes a disk of an image that was filled; its fd is a new one. */
int rootfs_take_image(int fd, bool read_only, struct rootfs *ret, struct err *err);

/* The command line that makes an image of `entries` files at `image`; pure. NULL when memory is out. */
char **rootfs_pack_args(struct arena *arena, const char *mkfs, bool is_erofs, const char *dir, const char *image,
                        uint64_t entries);

/*
 * True if everything that is mounted has a place in the directory already, or in another mount: then an image of it can
 * be one that nobody writes to. Otherwise the agent makes the places.
 */
bool rootfs_has_mount_points(const char *dir, const struct oci_spec *spec);
