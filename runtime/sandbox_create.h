/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of creating a container in a sandbox whose VM runs (or has just been booted for it): its disks, and the
 * files that are copied where there is no share. Between sandbox_create.c, which puts them in their order,
 * sandbox_disk.c and sandbox_copy.c; nobody else needs it.
 */
#pragma once

#include <sys/stat.h>

#include "runtime/sandbox.h"

/* Files that go into a guest by calls, since there is no share. */
struct sandbox_copying {
	struct sandbox *sandbox; /* NULL = not begun */
	const struct guestspec *guest;
	size_t next; /* of its binds */
	int fd;
	struct stat stat;
	off_t done;
	void (*fn)(void *arg, const struct err *err);
	void *arg;
};

/* Says whether a container's root file system goes as a disk, which it then has, or for the first one the sandbox. */
int sandbox_find_root(struct container *c, const struct oci_spec *spec, bool *ret_is_disk, struct err *err);

/* A disk of the container that is still a directory, or NULL. */
struct disk *sandbox_disk_to_pack(struct container *c);

/* A disk of the container that is not in the VM yet, or NULL. */
struct disk *sandbox_unplugged_disk(struct container *c);

/* Adds disks and volumes to the request for the container that has them. */
int sandbox_tell_storages(struct container *c, struct arena *arena, const struct oci_spec *spec, bool is_root_disk,
                          Grpc__CreateContainerRequest *request, struct err *err);

/* Where there is no share: copies the files that the container mounts; fn is told once and may be called at once. */
void sandbox_copy_files(struct sandbox *sb, const struct guestspec *g, struct sandbox_copying *copying,
                        void (*fn)(void *arg, const struct err *err), void *arg);

/* Closes what is open; harmless for one that is all zeroes. */
void sandbox_copy_end(struct sandbox_copying *copying);
