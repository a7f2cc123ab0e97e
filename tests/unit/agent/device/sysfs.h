/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's /sys and /dev in a directory, for the tests of this directory: what is plugged in shows up in both, and a
 * node of this /dev passes for a block or character device (by a wrapped sys_fstatat). Setup/teardown pair; *state is a
 * struct sysfs.
 */
#pragma once

#include "agent/device/host.h"
#include "tests/lib/tempdir.h"

#define SYSFS_BRIDGE "devices/pci0000:00/0000:00:1e.0"

struct sysfs {
	struct tempdir *dir;
	char sys[80], dev[80];
	struct device_host host;
	int events[2]; /* what is written to [1] is an event of the kernel */
};

/* Makes an empty machine. */
int sysfs_setup(void **state);

/* Removes it. */
int sysfs_teardown(void **state);

/* Makes a directory of /sys with all above it. */
void sysfs_mkdir(const struct sysfs *s, const char *path);

/* Writes a file of /sys, making the directories above it. */
void sysfs_write(const struct sysfs *s, const char *path, const char *text);

/* A symlink of /sys, making the directories above it. */
void sysfs_link(const struct sysfs *s, const char *path, const char *target);

/* What a file of /sys says now, static. */
const char *sysfs_read(const struct sysfs *s, const char *path);

/* A disk: its directory below `device`, its line in class/block. */
void sysfs_plug_disk(const struct sysfs *s, const char *device, const char *name);

/* Its node in /dev: "b 254:0" is a block, "c 243:0" a character device, anything else a file. */
void sysfs_make_node(const struct sysfs *s, const char *name, const char *what);

/* Tells of something that has happened. */
void sysfs_tell(const struct sysfs *s);

/* Where the events of the machine of the running test come from; -EBADF if it has none. */
int sysfs_events(void);

/* Makes the k-th kernel call from now on (0 = the next) answer -errnum; those after it work again. */
void sysfs_fail_at(int k, int errnum);

/* True once that call has come. */
bool sysfs_has_failed(void);
