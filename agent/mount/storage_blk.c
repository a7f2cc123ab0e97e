/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/storage_common.h"

/*
 * A disk with a file system. Whoever asks for a plan has waited for the disk, so the source is its path below /dev by
 * now, whatever the host called it, and the type of the file system is known.
 */
static int plan(struct arena *arena, const struct storage_config *config, const char *cid, struct step_list *ret,
                struct err *err)
{
	struct mount_options o;
	int r = storage_parse(arena, config, &o, err);

	(void)cid;
	r = r < 0 ? r : storage_plan_mkfs(arena, ret, config, err);
	r = r < 0 ? r : storage_plan_mkdir(arena, ret, config->mount_point, 0755, err);
	r = r < 0 ? r : storage_plan_mount(arena, ret, config, config->fstype, &o, err);
	return r < 0 ? r : storage_plan_fs_group(arena, ret, config, err);
}

const struct storage_ops storage_blk = { .driver = "blk", .plan = plan };
const struct storage_ops storage_scsi = { .driver = "scsi", .plan = plan };
const struct storage_ops storage_nvdimm = { .driver = "nvdimm", .plan = plan };
const struct storage_ops storage_mmioblk = { .driver = "mmioblk", .plan = plan };
