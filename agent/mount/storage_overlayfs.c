/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/mount/storage_common.h"
#include "lib/path.h"

#define OPTION_RW        "io.katacontainers.fs-opt.overlay-rw"
#define OPTION_DIRECTORY "io.katacontainers.volume.overlayfs.create_directory="

static int plan_directories(struct arena *arena, const struct storage_config *config, struct step_list *ret,
                            struct err *err)
{
	size_t n = strlen(OPTION_DIRECTORY);
	int r = 0;

	for (size_t i = 0; i < config->driver_options.n && r >= 0; i++) {
		const char *option = config->driver_options.v[i];

		if (strncmp(option, OPTION_DIRECTORY, n) != 0)
			continue;
		if (!path_is_clean(option + n))
			return err_say(err, EINVAL,
			               "storage 'overlayfs': directory '%s' must be absolute and without '..'",
			               option + n);
		r = storage_plan_mkdir(arena, ret, option + n, 0755, err);
	}
	return r;
}

/* The word that asks for a writable layer; taken out of the data. */
static bool take_rw(struct mount_options *o)
{
	size_t kept = 0, n = o->data.n;

	for (size_t i = 0; i < n; i++)
		if (strcmp(o->data.v[i], OPTION_RW) != 0)
			o->data.v[kept++] = o->data.v[i];
	o->data.v[kept] = NULL;
	o->data.n = kept;
	return kept < n;
}

/* A layer of the container's own, in the guest's memory. */
static int plan_upper(struct arena *arena, const char *cid, struct mount_options *o, struct step_list *ret,
                      struct err *err)
{
	char *upper = arena_printf(arena, "upperdir=/run/kata-containers/%s/upper", cid);
	char *work = arena_printf(arena, "workdir=/run/kata-containers/%s/work", cid);
	char **v = arena_array(arena, o->data.n + 3, sizeof(*v));
	int r;

	if (!upper || !work || !v)
		return err_set(err, ENOMEM, "plan a storage");
	if (o->data.n > 0)
		memcpy(v, o->data.v, o->data.n * sizeof(*v));
	v[o->data.n] = upper;
	v[o->data.n + 1] = work;
	o->data = (struct oci_strings){ .v = v, .n = o->data.n + 2 };
	r = storage_plan_mkdir(arena, ret, strchr(upper, '=') + 1, 0755, err);
	return r < 0 ? r : storage_plan_mkdir(arena, ret, strchr(work, '=') + 1, 0755, err);
}

static int plan(struct arena *arena, const struct storage_config *config, const char *cid, struct step_list *ret,
                struct err *err)
{
	const char *fstype = config->fstype && config->fstype[0] ? config->fstype : "overlay";
	struct mount_options o;
	int r = storage_parse(arena, config, &o, err);

	r = r < 0 ? r : plan_directories(arena, config, ret, err);
	if (r < 0)
		return r;
	if (take_rw(&o)) {
		fstype = "overlay";
		r = plan_upper(arena, cid, &o, ret, err);
	}
	r = r < 0 ? r : storage_plan_mkdir(arena, ret, config->mount_point, 0755, err);
	r = r < 0 ? r : storage_plan_mount(arena, ret, config, fstype, &o, err);
	return r < 0 ? r : storage_plan_fs_group(arena, ret, config, err);
}

const struct storage_ops storage_overlayfs = { .driver = "overlayfs", .plan = plan };
