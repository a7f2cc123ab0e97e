/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "agent/mount/storage_common.h"

#define DEFAULT_MODE 0777

static int parse_mode(const char *text, const char *path, mode_t *ret, struct err *err)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (text[0] < '0' || text[0] > '7' || *end || mode > 07777)
		return err_say(err, EINVAL, "storage 'local' on '%s': 'mode=%s' is no octal mode", path, text);
	*ret = (mode_t)mode;
	return 0;
}

/* A directory of the guest, nothing is mounted; the mode is set last, for a new group takes setgid away. */
static int plan(struct arena *arena, const struct storage_config *config, const char *cid, struct step_list *ret,
                struct err *err)
{
	const char *gid = NULL, *text = NULL;
	mode_t mode = DEFAULT_MODE;
	struct mount_options o;
	int r = storage_parse(arena, config, &o, err);

	(void)cid;
	if (r < 0)
		return r;
	gid = mount_options_take(&o, "fsgid");
	text = mount_options_take(&o, "mode");
	if (text)
		r = parse_mode(text, config->mount_point, &mode, err);
	r = r < 0 ? r : storage_plan_mkdir(arena, ret, config->mount_point, 0755, err);
	r = r < 0 || !gid ? r : storage_plan_group(arena, ret, config->mount_point, gid, err);
	r = r < 0 ? r : storage_plan_mode(arena, ret, config->mount_point, mode | (gid ? 02000 : 0), err);
	return r < 0 ? r : storage_plan_fs_group(arena, ret, config, err);
}

const struct storage_ops storage_local = { .driver = "local", .plan = plan, .keep_mount = true };
