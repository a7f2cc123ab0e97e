/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the storage drivers plan with: steps that most of them share, and the context that the steps are applied in.
 * For the files of agent/mount; everybody else uses storage.h.
 */
#pragma once

#include <limits.h>

#include "agent/mount/options.h"
#include "agent/mount/storage.h"

/* A storage is at most one mount, besides what a driver mounts below it. */
#define STORAGE_MOUNTS_MAX 8

/* Context of the steps; lives in storage_apply. */
struct storage_run {
	int root, proc;                 /* "/" and our procfs */
	int mounts[STORAGE_MOUNTS_MAX]; /* made by this run, to be undone */
	size_t n_mounts;
	bool has_made; /* something that the driver's clean has to take down */
};

extern const struct storage_ops storage_virtio_fs, storage_ephemeral, storage_local, storage_overlayfs,
	storage_watchable, storage_9p;
extern const struct storage_ops storage_blk, storage_mmioblk, storage_nvdimm, storage_scsi;

/* Opens "/" and our procfs; what is open after a failure is closed by storage_run_done too. */
int storage_run_init(struct storage_run *run, struct err *err);

/* Goes back to "/" and closes everything. */
void storage_run_done(struct storage_run *run);

/* Parses the options and checks the mount point; what every driver begins with. */
int storage_parse(struct arena *arena, const struct storage_config *config, struct mount_options *ret, struct err *err);

/* Plans mkdir -p; a directory that exists keeps its mode. */
int storage_plan_mkdir(struct arena *arena, struct step_list *list, const char *path, mode_t mode, struct err *err);

/* Plans the mount on config's mount point, made if missing; or a remount if the options say so. */
int storage_plan_mount(struct arena *arena, struct step_list *list, const struct storage_config *config,
                       const char *fstype, const struct mount_options *options, struct err *err);

/* Plans the mode of a directory. */
int storage_plan_mode(struct arena *arena, struct step_list *list, const char *path, mode_t mode, struct err *err);

/* Plans "fsgid=": the group of the directory, and setgid. */
int storage_plan_group(struct arena *arena, struct step_list *list, const char *path, const char *gid, struct err *err);

/* Plans the volume's group for everything in it, if config has one. */
int storage_plan_fs_group(struct arena *arena, struct step_list *list, const struct storage_config *config,
                          struct err *err);

/* Plans huge pages for a hugetlbfs from its "pagesize=" and "size=". */
int storage_plan_hugepages(struct arena *arena, struct step_list *list, const struct mount_options *options,
                           struct err *err);

/* Plans mkfs.ext4 on the source if the driver options say "create_filesystem"; refuses "encryption_key=". */
int storage_plan_mkfs(struct arena *arena, struct step_list *list, const struct storage_config *config,
                      struct err *err);

/* The path of an fd as mountinfo has it, with all symlinks resolved; fills ret, 0 or -errno. */
int storage_real_path(const struct storage_run *run, int fd, char ret[PATH_MAX]);

/* Changes the mode through an O_PATH fd. */
int storage_chmod(const struct storage_run *run, int fd, mode_t mode);

/* 1 if the directory has no entry, 0 if it has, -errno; O_PATH is fine. */
int storage_is_empty_dir(int fd);
