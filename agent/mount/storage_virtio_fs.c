/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/mount/storage_common.h"

static const char *default_type(const char *driver)
{
	return strcmp(driver, storage_9p.driver) == 0 ? "9p" : "virtiofs";
}

/* A share of the host by virtio-fs or 9p; the source is its tag, the options are the host's. */
static int plan(struct arena *arena, const struct storage_config *config, const char *cid, struct step_list *ret,
                struct err *err)
{
	const char *fstype = config->fstype && config->fstype[0] ? config->fstype : default_type(config->driver);
	struct mount_options o;
	int r = storage_parse(arena, config, &o, err);

	(void)cid;
	r = r < 0 ? r : storage_plan_mkdir(arena, ret, config->mount_point, 0755, err);
	r = r < 0 ? r : storage_plan_mount(arena, ret, config, fstype, &o, err);
	return r < 0 ? r : storage_plan_fs_group(arena, ret, config, err);
}

const struct storage_ops storage_virtio_fs = { .driver = "virtio-fs", .plan = plan };
const struct storage_ops storage_9p = { .driver = "9p", .plan = plan };
