/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/mount/storage_common.h"
#include "agent/mount/watchable.h"
#include "lib/fd.h"
#include "lib/mountinfo.h"
#include "lib/path.h"
#include "lib/sys.h"

static const struct storage_ops *const drivers[] = {
	&storage_9p,     &storage_blk,       &storage_ephemeral, &storage_local,     &storage_mmioblk,
	&storage_nvdimm, &storage_overlayfs, &storage_scsi,      &storage_virtio_fs, &storage_watchable,
};

/* Of upstream's agent, for confidential guests; a name that nobody knows is an error of another kind. */
static const char *const not_implemented[] = { "image_guest_pull", "erofs.multi-layer" };

const char *const *storage_driver_names(void)
{
	static const char *names[ARRAY_SIZE(drivers) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		names[i] = drivers[i]->driver;
	return names;
}

static const struct storage_ops *find_driver(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (name && strcmp(drivers[i]->driver, name) == 0)
			return drivers[i];
	return NULL;
}

static int refuse_driver(const char *name, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_implemented); i++)
		if (name && strcmp(not_implemented[i], name) == 0)
			return err_say(err, EOPNOTSUPP, "storage driver '%s' is not implemented", name);
	return err_say(err, ENOENT, "no storage driver '%s'", name ? name : "");
}

int storage_check_request(const struct storage_config *configs, size_t n, struct err *err)
{
	size_t first = n;

	for (size_t i = 0; i < n; i++) {
		if (!watchable_is(&configs[i]))
			continue;
		if (first == n)
			first = i;
		if (!watchable_shares_root(&configs[first], &configs[i]))
			return err_say(err, EINVAL, "storages '%s' and '%s' are in different watchable directories",
			               configs[first].mount_point, configs[i].mount_point);
	}
	return 0;
}

int storage_plan(struct arena *arena, const struct storage_config *config, const char *cid, struct step_list *ret,
                 struct err *err)
{
	const struct storage_ops *ops = find_driver(config->driver);
	struct step_list list = { 0 };
	int r;

	if (!ops)
		return refuse_driver(config->driver, err);
	r = ops->plan(arena, config, cid, &list, err);
	if (r < 0)
		return r;
	*ret = list;
	return 0;
}

int storage_run_init(struct storage_run *run, struct err *err)
{
	run->root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (run->root < 0)
		return err_set(err, run->root, "open '/'");
	run->proc = sys_openat(run->root, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	return run->proc < 0 ? err_set(err, run->proc, "open '/proc'") : 0;
}

/* Detached, since our own fd keeps each of them busy. */
static void undo(struct storage_run *run)
{
	if (run->n_mounts > 0 && sys_fchdir(run->proc) < 0)
		return;
	for (size_t i = run->n_mounts; i > 0; i--) {
		char path[32];

		(void)snprintf(path, sizeof(path), "self/fd/%d", run->mounts[i - 1]);
		(void)sys_umount2(path, MNT_DETACH);
	}
}

void storage_run_done(struct storage_run *run)
{
	/* mount(2) of long options, and undo, work from within the procfs. */
	if (run->root >= 0)
		(void)sys_fchdir(run->root);
	for (size_t i = 0; i < run->n_mounts; i++)
		(void)fd_close(run->mounts[i]);
	(void)fd_close(run->root);
	(void)fd_close(run->proc);
}

int storage_apply(const struct step_list *plan, bool *ret_mounted, struct err *err)
{
	struct storage_run run = { .root = -EBADF, .proc = -EBADF };
	int r = storage_run_init(&run, err);

	r = r < 0 ? r : step_list_apply(plan, &run, NULL, err);
	if (r < 0)
		undo(&run);
	else if (ret_mounted)
		*ret_mounted = run.n_mounts > 0 || run.has_made;
	storage_run_done(&run);
	return r;
}

/* --- the end ---------------------------------------------------------------------------------------------------- */

/* 1 if something is mounted there, 0 if not, -errno. */
static int is_mounted(const struct storage_run *run, int fd)
{
	char path[PATH_MAX];
	int r = storage_real_path(run, fd, path);

	return r < 0 ? r : mountinfo_is_mounted(path, NULL);
}

/* Unmounts `name` in the directory where we stand; our fd of it must be closed by now. */
static int unmount(const char *name, const char *path, struct err *err)
{
	int r = sys_umount2(name, UMOUNT_NOFOLLOW);

	return r < 0 ? err_set(err, r, "unmount '%s'", path) : 0;
}

/* A parent that is read-only, or a name that somebody else needs, is no reason to fail; content is. */
static int remove_dir(int parent, const char *name, const char *path, struct err *err)
{
	int r = sys_unlinkat(parent, name, AT_REMOVEDIR);

	return r == -ENOTEMPTY || r == -EEXIST ? err_set(err, r, "remove '%s'", path) : 0;
}

static int clean(const struct storage_run *run, const char *path, struct err *err)
{
	int fd = path_open_in(run->root, path, 0), r;
	_autoclose_ int parent = -EBADF;
	int mounted = fd >= 0 ? is_mounted(run, fd) : 0;
	const char *name = NULL;
	struct stat st;

	(void)fd_close(fd);
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR ? 0 : err_set(err, fd, "clean '%s'", path);
	if (mounted < 0)
		return err_set(err, mounted, "find out whether '%s' is mounted", path);
	parent = path_open_parent_in(run->root, path, 0755, &name, err);
	if (parent < 0)
		return parent;
	r = sys_fchdir(parent);
	if (r < 0)
		return err_set(err, r, "clean '%s'", path);
	r = mounted ? unmount(name, path, err) : 0;
	if (r < 0)
		return r;
	if (sys_fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	return remove_dir(parent, name, path, err);
}

int storage_clean(const struct storage_config *config, struct err *err)
{
	const struct storage_ops *ops = find_driver(config->driver);

	if (!ops)
		return refuse_driver(config->driver, err);
	return ops->keep_mount ? 0 : storage_undo(config, err);
}

int storage_undo(const struct storage_config *config, struct err *err)
{
	const struct storage_ops *ops = find_driver(config->driver);
	struct storage_run run = { .root = -EBADF, .proc = -EBADF };
	int r;

	if (ops && ops->clean)
		return ops->clean(config, err);
	if (!path_is_clean(config->mount_point))
		return err_say(err, EINVAL, "clean '%s': the path must be absolute and without '..'",
		               config->mount_point ? config->mount_point : "");
	r = storage_run_init(&run, err);
	r = r < 0 ? r : clean(&run, config->mount_point, err);
	storage_run_done(&run);
	return r;
}
