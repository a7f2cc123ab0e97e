/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/storage_common.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/mount/fsmount.h"
#include "agent/mount/target.h"
#include "lib/fd.h"
#include "lib/mountinfo.h"
#include "lib/path.h"
#include "lib/sys.h"

int storage_parse(struct arena *arena, const struct storage_config *config, struct mount_options *ret, struct err *err)
{
	int r;

	if (!path_is_clean(config->mount_point) || strcmp(config->mount_point, "/") == 0)
		return err_say(err, EINVAL,
		               "storage '%s': mount point '%s' must be absolute, without '..', and not '/'",
		               config->driver, config->mount_point ? config->mount_point : "");
	r = mount_options_parse(arena, &config->options, ret, err);
	if (r >= 0 && (ret->idmap || ret->copy_up))
		r = err_say(err, EINVAL, "mount option '%s' is not for storages", ret->idmap ? "idmap" : "tmpcopyup");
	return r < 0 ? err_wrap(err, "storage '%s' on '%s'", config->driver, config->mount_point) : 0;
}

static int add(struct arena *arena, struct step_list *list, const struct step *step, struct err *err)
{
	int r = step_add(arena, list, step);

	return r < 0 ? err_set(err, r, "plan a storage") : 0;
}

int storage_is_empty_dir(int fd)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int r = fd_opendir(fd, ".", 0, &dir);

	while (r >= 0 && (r = sys_readdir(dir, &entry)) > 0)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return 0;
	return r < 0 ? r : 1;
}

/* --- directories ------------------------------------------------------------------------------------------------ */

static int apply_mkdir(const struct step *step, void *context, struct err *err)
{
	const struct storage_run *run = context;
	int fd = path_make_dirs_in(run->root, step->target, (mode_t)step->number, err);

	(void)fd_close(fd);
	return fd < 0 ? fd : 0;
}

static const struct step_kind step_mkdir = { "mkdir", apply_mkdir };

int storage_plan_mkdir(struct arena *arena, struct step_list *list, const char *path, mode_t mode, struct err *err)
{
	const struct step step = { .kind = &step_mkdir, .target = path, .number = (int)mode };

	return add(arena, list, &step, err);
}

int storage_chmod(const struct storage_run *run, int fd, mode_t mode)
{
	char path[32];

	/* fchmod(2) refuses an O_PATH fd, and opening a fifo or a device to change its mode is worse. */
	(void)snprintf(path, sizeof(path), "self/fd/%d", fd);
	return sys_fchmodat(run->proc, path, mode);
}

static int apply_mode(const struct step *step, void *context, struct err *err)
{
	const struct storage_run *run = context;
	_autoclose_ int fd = path_open_in(run->root, step->target, O_DIRECTORY);
	int r = fd < 0 ? fd : storage_chmod(run, fd, (mode_t)step->number);

	return r < 0 ? err_set(err, r, "change the mode of '%s'", step->target) : 0;
}

static const struct step_kind step_mode = { "mode", apply_mode };

int storage_plan_mode(struct arena *arena, struct step_list *list, const char *path, mode_t mode, struct err *err)
{
	const struct step step = { .kind = &step_mode, .target = path, .number = (int)mode };

	return add(arena, list, &step, err);
}

/* --- mounts ----------------------------------------------------------------------------------------------------- */

struct search {
	const struct step *step;
	const char *target;
	bool found;
};

/* The topmost mount at the target decides, and it comes last. */
static int compare_mount(const struct mountinfo_entry *entry, void *arg)
{
	struct search *s = arg;

	if (strcmp(entry->target, s->target) == 0)
		s->found = strcmp(entry->fstype, s->step->type) == 0 && s->step->source &&
		           strcmp(entry->source, s->step->source) == 0;
	return 0;
}

int storage_real_path(const struct storage_run *run, int fd, char ret[PATH_MAX])
{
	char path[32];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "self/fd/%d", fd);
	n = sys_readlinkat(run->proc, path, ret, PATH_MAX - 1);
	if (n < 0)
		return (int)n;
	ret[n] = '\0';
	return 0;
}

/* A sandbox that asks again for its share ("kataShared") has it already. 1, 0 or -errno. */
static int is_mounted_already(const struct storage_run *run, const struct step *step, int target, struct err *err)
{
	char real[PATH_MAX];
	struct search search = { .step = step, .target = real };
	int r = storage_real_path(run, target, real);

	if (r < 0)
		return err_set(err, r, "mount '%s' on '%s': find out what is there", step->type, step->target);
	r = mountinfo_walk(NULL, compare_mount, &search, err);
	return r < 0 ? r : search.found;
}

static int open_bind(const struct step *step, const struct mount_options *o, bool *ret_is_dir, struct err *err)
{
	_autoclose_ int source = -EBADF, tree = -EBADF;
	struct stat st;
	int r;

	source = sys_openat2(AT_FDCWD, step->source ? step->source : "", O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);
	r = source < 0 ? source : sys_fstatat(source, "", &st, AT_EMPTY_PATH);
	tree = r < 0 ? r : mount_clone(source, o->bind_tree);
	r = tree < 0 ? tree : mount_set_options(tree, o);
	if (r < 0)
		return err_set(err, r, "bind '%s' on '%s'", step->source ? step->source : "", step->target);
	*ret_is_dir = S_ISDIR(st.st_mode);
	return take_fd(&tree);
}

/* The new mount's fd is kept until the end of the run, which may have to undo it. */
static int keep_mount(struct storage_run *run, int mount)
{
	if (run->n_mounts == STORAGE_MOUNTS_MAX) {
		(void)fd_close(mount);
		return -ENOSPC;
	}
	run->mounts[run->n_mounts++] = mount;
	return 0;
}

static int mount_classic(struct storage_run *run, const struct mount_what *what, int target, struct err *err)
{
	int mount, r = mount_fs_classic(what, run->proc, target, err);

	if (r < 0)
		return r;
	mount = path_open_in(run->root, what->target, 0);
	return mount < 0 ? err_set(err, mount, "mount '%s' on '%s'", what->type, what->target) : mount;
}

static int mount_new(struct storage_run *run, const struct mount_what *what, int target, struct err *err)
{
	_autoclose_ int mount = -EBADF;
	int r;

	if (mount_fs_is_long(what))
		return mount_classic(run, what, target, err);
	mount = mount_fs_new(what, err);
	if (mount < 0)
		return mount;
	r = mount_attach(mount, target);
	return r < 0 ? err_set(err, r, "mount '%s' on '%s': attach", what->type, what->target) : take_fd(&mount);
}

static int apply_mount(const struct step *step, void *context, struct err *err)
{
	struct storage_run *run = context;
	const struct mount_what what = { step->type, step->source, step->target, step->object };
	const struct target_want want = { .path = step->target, .is_dir = true };
	_autoclose_ int target = target_open(run->root, &want, err);
	int mount, r;

	if (target < 0)
		return err_wrap(err, "mount '%s' on '%s'", step->type, step->target);
	r = is_mounted_already(run, step, target, err);
	if (r != 0)
		return r < 0 ? r : 0;
	mount = mount_new(run, &what, target, err);
	if (mount < 0)
		return mount;
	r = keep_mount(run, mount);
	return r < 0 ? err_set(err, r, "mount '%s' on '%s'", step->type, step->target) : 0;
}

static const struct step_kind step_mount_fs = { "mount", apply_mount };

static int apply_bind(const struct step *step, void *context, struct err *err)
{
	struct storage_run *run = context;
	struct target_want want = { .path = step->target };
	_autoclose_ int tree = open_bind(step, step->object, &want.is_dir, err), target = -EBADF;
	int r;

	if (tree < 0)
		return tree;
	target = target_open(run->root, &want, err);
	if (target < 0)
		return err_wrap(err, "bind '%s' on '%s'", step->source, step->target);
	r = mount_attach(tree, target);
	r = r < 0 ? r : keep_mount(run, take_fd(&tree));
	return r < 0 ? err_set(err, r, "bind '%s' on '%s'", step->source, step->target) : 0;
}

static const struct step_kind step_mount_bind = { "bind", apply_bind };

static int apply_remount(const struct step *step, void *context, struct err *err)
{
	const struct storage_run *run = context;
	const struct mount_what what = { step->type, step->source, step->target, step->object };
	_autoclose_ int target = path_open_in(run->root, step->target, O_DIRECTORY);

	if (target < 0)
		return err_set(err, target, "remount '%s'", step->target);
	return mount_fs_remount(&what, run->proc, target, err);
}

static const struct step_kind step_mount_again = { "remount", apply_remount };

int storage_plan_mount(struct arena *arena, struct step_list *list, const struct storage_config *config,
                       const char *fstype, const struct mount_options *options, struct err *err)
{
	struct mount_options *o = arena_memdup(arena, options, sizeof(*options));
	struct step step = { .kind = &step_mount_fs, .target = config->mount_point, .object = o };
	const char *data = mount_options_join(arena, &options->data);

	if (!o || !data)
		return err_set(err, ENOMEM, "plan a storage");
	if (!fstype || !fstype[0])
		return err_say(err, EINVAL, "storage '%s' on '%s': no file system type", config->driver,
		               config->mount_point);
	if (o->remount)
		step.kind = &step_mount_again;
	else if (o->bind || strcmp(fstype, "bind") == 0)
		step.kind = &step_mount_bind;
	step.source = config->source && config->source[0] ? config->source : NULL;
	step.type = fstype;
	step.data = data[0] ? data : NULL;
	step.flags = o->top.set;
	step.clear = o->top.clear;
	return add(arena, list, &step, err);
}
