/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a rootfs plan, for the files of agent/mount that make and apply it. Everybody else uses rootfs.h.
 */
#pragma once

#include <stdbool.h>

#include "agent/mount/options.h"
#include "agent/mount/rootfs.h"
#include "lib/step.h"

/* A tree that is opened before the child exists; number 0 is the rootfs. */
struct plan_source {
	const char *path, *target;
	bool tree;
	const char *fstype; /* a new file system instead of what is at path */
	const struct mount_options *options;
	const struct oci_id_maps *uids, *gids; /* other ids than the file system's, or NULL */
	bool idmap_tree;
};

struct rootfs_plan {
	struct step_list steps;
	struct plan_source *sources;
	size_t n_sources;
	size_t n_sealed; /* mounts that get read-only at the end */
	bool has_userns, has_cgroupns, unified, shares_mntns;
	bool shares;          /* the spec says a propagation for the container's own tree */
	uint64_t propagation; /* of the rootfs, with MS_REC; what bind mounts get that say nothing */
};

/* What the steps of a rootfs plan get as their context; lives in rootfs_enter. */
struct enter {
	const struct rootfs_plan *plan;
	const struct rootfs_sources *sources;
	struct rootfs_entry *entry;
	int root;     /* the rootfs, attached; borrowed from the sources */
	int old_root; /* "/" of the creator's world, gone after the pivot */
	int dev;      /* /dev of the rootfs once it is needed */
	int null;     /* a mount of the creator's /dev/null */
	int empty;    /* a mount of an empty read-only file system */
	bool null_attached, empty_attached;
	int *sealed; /* mounts that get read-only at the end, by number */
};

extern const struct step_kind step_propagation, step_root, step_bind, step_mount, step_cgroup, step_remount, step_node,
	step_link, step_console, step_seal, step_cwd, step_pivot, step_mask, step_readonly, step_share,
	step_readonly_root;

/* Files of /proc that a spec may cover, and nothing else below it. */
bool plan_may_cover_proc(const char *destination);

/* True if path is dir or below it; both clean. */
bool plan_is_below(const char *path, const char *dir);
