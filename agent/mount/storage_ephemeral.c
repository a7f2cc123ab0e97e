/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/mount/storage_common.h"

/* A memory-backed volume (emptyDir, /dev/shm) or huge pages, with the sandbox's life. */
static int plan(struct arena *arena, const struct storage_config *config, const char *cid, struct step_list *ret,
                struct err *err)
{
	const char *fstype = config->fstype && config->fstype[0] ? config->fstype : "tmpfs", *gid = NULL;
	struct mount_options o;
	int r = storage_parse(arena, config, &o, err);

	(void)cid;
	if (r < 0)
		return r;
	gid = mount_options_take(&o, "fsgid");
	if (strcmp(fstype, "hugetlbfs") == 0 && !o.remount)
		r = storage_plan_hugepages(arena, ret, &o, err);
	r = r < 0 ? r : storage_plan_mkdir(arena, ret, config->mount_point, 0755, err);
	r = r < 0 ? r : storage_plan_mount(arena, ret, config, fstype, &o, err);
	r = r < 0 || !gid ? r : storage_plan_group(arena, ret, config->mount_point, gid, err);
	return r < 0 ? r : storage_plan_fs_group(arena, ret, config, err);
}

const struct storage_ops storage_ephemeral = { .driver = "ephemeral", .plan = plan, .keep_mount = true };
