/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/mount/storage_common.h"

/* The words alone decide: the host sends "remount" when it wants another size, and the group stays what it is. */
static int plan_mount(struct arena *arena, const struct storage_config *config, struct step_list *list, struct err *err)
{
	const char *fstype = config->fstype && config->fstype[0] ? config->fstype : "tmpfs";
	struct mount_options o;
	int r = storage_parse(arena, config, &o, err);

	if (r < 0)
		return r;
	(void)mount_options_take(&o, "fsgid");
	r = storage_plan_mkdir(arena, list, config->mount_point, 0755, err);
	if (r < 0 || config->options.n == 0)
		return r;
	return storage_plan_mount(arena, list, config, fstype, &o, err);
}

int storage_plan_update(struct arena *arena, const struct storage_config *configs, size_t n, struct step_list *ret,
                        struct err *err)
{
	struct step_list list = { 0 };
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		const char *driver = configs[i].driver ? configs[i].driver : "";

		if (strcmp(driver, storage_ephemeral.driver) != 0)
			return err_say(err, EINVAL, "Unsupported storage type for syncing mounts %s", driver);
		r = plan_mount(arena, &configs[i], &list, err);
	}
	if (r < 0)
		return r;
	*ret = list;
	return 0;
}
