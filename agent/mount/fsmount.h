/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's new mount calls, with reasons: new file systems, clones of existing mounts, attributes, attaching. Works
 * on fds only; targets are resolved by the caller. Errors read "mount 'tmpfs' on '/tmp': Unknown parameter 'foo'".
 */
#pragma once

#include <stdbool.h>

#include "agent/mount/options.h"
#include "lib/err.h"

/* What is mounted where; `target` is for messages only. */
struct mount_what {
	const char *type, *source, *target;
	const struct mount_options *options;
};

/* A new detached mount of a new file system, with its attributes and propagation; the fd is the caller's, or -errno. */
int mount_fs_new(const struct mount_what *what, struct err *err);

/* True if the options do not fit into fsconfig(2) and mount(2) has to be used. */
bool mount_fs_is_long(const struct mount_what *what);

/*
 * mount(2) of what does not fit into fsconfig(2), onto the directory fd, through the `self/fd` of our procfs. Changes
 * the working directory to the procfs. Attributes are those of the options; propagation is the caller's to set.
 */
int mount_fs_classic(const struct mount_what *what, int proc, int target, struct err *err);

/* MS_REMOUNT of the mount that target is in, with the options' data, as mount_fs_classic. */
int mount_fs_remount(const struct mount_what *what, int proc, int target, struct err *err);

/* A detached clone of the mount at fd (the whole tree if asked), no errors but the kernel's; fd or -errno. */
int mount_clone(int fd, bool tree);

/* Applies the attributes (tree's first) and then the propagation of the options to a mount; -errno. */
int mount_set_options(int mount, const struct mount_options *options);

/* Changes attributes of a mount, or of all mounts of its tree; nothing to do is fine. */
int mount_set_attrs(int mount, const struct mount_attrs *attrs, bool tree);

/* Sets MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE on a mount or its tree; 0 does nothing. */
int mount_set_propagation(int mount, uint64_t propagation, bool tree);

/* Puts a detached mount onto the target; -errno. */
int mount_attach(int mount, int target);
