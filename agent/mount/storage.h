/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storages: file systems that the host asks the guest to mount before a container or with the sandbox. One ops struct
 * per driver; this header is the registry. Everything here runs in a job: it may block. Reference counts are not its
 * business (agent/storage.h).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"
#include "lib/step.h"

/* One Storage of the protocol, as plain data. */
struct storage_config {
	char *driver, *source, *fstype, *mount_point;
	struct oci_strings driver_options, options;
	bool shared;
	bool has_fs_group;
	gid_t fs_group;
	bool fs_group_on_root_mismatch;
};

/* A driver: how its config becomes steps; `mount` and `clean` steps run in a job. */
struct storage_ops {
	const char *driver;
	/* Pure; cid is the container ("" = sandbox) for drivers that make directories per container. */
	int (*plan)(struct arena *arena, const struct storage_config *config, const char *cid, struct step_list *ret,
	            struct err *err);
	/* Takes down what was planned, instead of unmounting and removing the mount point; NULL = that. */
	int (*clean)(const struct storage_config *config, struct err *err);
	bool keep_mount; /* nothing is to be unmounted at the end (ephemeral and local, as upstream) */
};

/* The drivers' names, NULL-terminated, for GetGuestDetails. */
const char *const *storage_driver_names(void);

/* Plans one storage; -ENOENT "no storage driver 'x'" for an unknown driver. */
int storage_plan(struct arena *arena, const struct storage_config *config, const char *cid, struct step_list *ret,
                 struct err *err);

/* What the storages of one request must have in common; pure. */
int storage_check_request(const struct storage_config *configs, size_t n, struct err *err);

/*
 * Plans new options for memory-backed volumes that are mounted (or mounts them); one without options only gets its
 * directory. -EINVAL for another driver than "ephemeral"; nothing is planned unless all are right.
 */
int storage_plan_update(struct arena *arena, const struct storage_config *configs, size_t n, struct step_list *ret,
                        struct err *err);

/*
 * Applies a plan, in a job. A failure leaves nothing mounted by this plan. *ret_mounted, if not NULL: it has mounted
 * something that was not there before.
 */
int storage_apply(const struct step_list *plan, bool *ret_mounted, struct err *err);

/* Unmounts and removes the mount point if the driver's storages are cleaned; a path that is gone is fine. In a job. */
int storage_clean(const struct storage_config *config, struct err *err);

/* As storage_clean, also for drivers whose storages stay: for what storage_apply has just mounted. In a job. */
int storage_undo(const struct storage_config *config, struct err *err);
