/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's file system: planned from the spec, its sources opened in the creator's mount namespace, and built by
 * the container's child through file descriptors. Three phases, three processes:
 *   rootfs_plan          anywhere, pure
 *   rootfs_open_sources  in the process that clones the child (agent: the builder job; it may block)
 *   rootfs_enter         in the child, in its own mount namespace
 * Knows nothing of cgroups paths, hooks and credentials. The plan lives in the caller's arena.
 */
#pragma once

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/oci.h"

struct rootfs_plan;

struct rootfs_request {
	const struct oci_spec *spec;
	const char *root;  /* directory in the creator's mount namespace; instead of spec->root_path */
	bool shares_mntns; /* in the creator's mount namespace: chroot, and the rootfs is bound on itself */
	bool has_userns;   /* devices are bound from /dev, not made */
	bool has_cgroupns; /* "cgroup" mounts show the container's own subtree */
	bool joins_ipc;    /* the ipc namespace is not the container's own */
	bool unified;      /* cgroup mounts are cgroup2 */
};

/* Detached trees and fds that the child needs; indices are the plan's. Inherited by the child, closed by both. */
struct rootfs_sources {
	int *fds;
	size_t n;
};

/* What the child brings in, and gets back. */
struct rootfs_entry {
	int proc;           /* our own procfs of the container's pid namespace, O_PATH dirfd of its root */
	bool wants_console; /* allocate a terminal and bind it on /dev/console */
	int master, slave;  /* out: the terminal, else -EBADF */
	/* May be NULL: called when all is mounted, at the rootfs's own path, and "/" is still the creator's. */
	int (*before_pivot)(void *arg, struct err *err);
	void *before_pivot_arg;
};

/* Plans; errors name the mount or device of the spec that is wrong. */
int rootfs_plan(struct arena *arena, const struct rootfs_request *request, struct rootfs_plan **ret, struct err *err);

/* The plan as text, a line per step, for tests and debugging. */
int rootfs_plan_print(const struct rootfs_plan *plan, struct buf *out);

/* Opens the rootfs and every bind source as detached trees; may block on their file systems. Freed with ..._close. */
int rootfs_open_sources(const struct rootfs_plan *plan, struct rootfs_sources *ret, struct err *err);

/* Makes what only the creator can make for a user namespace, once it is in the namespaces that the container joins. */
int rootfs_make_sources(const struct rootfs_plan *plan, struct rootfs_sources *sources, struct err *err);

/* Closes what rootfs_open_sources and rootfs_make_sources opened. */
void rootfs_close_sources(struct rootfs_sources *sources);

/*
 * Builds everything and ends with the rootfs as "/" and as the working directory: propagation, mounts, /dev, console,
 * pivot, then masked and read-only paths and the read-only root. The new mount namespace exists already.
 */
int rootfs_enter(const struct rootfs_plan *plan, const struct rootfs_sources *sources, struct rootfs_entry *entry,
                 struct err *err);
