/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>

#include "agent/mount/fsmount.h"
#include "agent/mount/plan.h"
#include "agent/mount/target.h"
#include "agent/mount/treesync.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

static bool is_system_dir(const char *path)
{
	return strcmp(path, "/proc") == 0 || strcmp(path, "/sys") == 0 || strcmp(path, "/dev") == 0;
}

static int open_target(struct enter *e, const struct step *step, bool is_dir, struct err *err)
{
	bool is_kernel = strcmp(step->type, "proc") == 0 || strcmp(step->type, "sysfs") == 0;
	struct target_want want = { .path = step->target, .is_dir = is_dir };
	_autoclose_ int target = -EBADF;
	int r;

	want.is_exact = is_system_dir(step->target) || is_kernel;
	target = target_open(e->root, &want, err);
	if (target < 0)
		return target;
	r = target_check_procfs(target, step->target, err);
	return r < 0 ? r : take_fd(&target);
}

/* A volume on /proc is refused (what writes to /proc/self/attr would end there), a procfs is what belongs there. */
static int check_proc_source(int tree, const struct step *step, struct err *err)
{
	struct statfs st;
	int r;

	if (strcmp(step->target, "/proc") != 0)
		return 0;
	r = sys_fstatfs(tree, &st);
	if (r < 0)
		return err_set(err, r, "look at the source");
	return st.f_type == PROC_SUPER_MAGIC ? 0 : err_say(err, EPERM, "the source is not a procfs");
}

/*
 * What the spec does not say follows from the rootfs: a slave hears of the creator's mounts, and never answers. To be
 * heard in the creator's namespace takes a "shared" at the mount itself.
 */
static int set_bind_options(struct enter *e, int tree, const struct mount_options *o)
{
	bool hears = (e->plan->propagation & (MS_SLAVE | MS_SHARED)) != 0;
	int r = 0;

	if (!o->propagation)
		r = mount_set_propagation(tree, hears ? MS_SLAVE : MS_PRIVATE, true);
	return r < 0 ? r : mount_set_options(tree, o);
}

static int bind_tree(struct enter *e, const struct step *step, struct err *err)
{
	int tree = e->sources->fds[step->number];
	_autoclose_ int target = -EBADF;
	struct stat st;
	int r = sys_fstatat(tree, "", &st, AT_EMPTY_PATH);

	if (r < 0)
		return err_set(err, r, "look at the source");
	r = check_proc_source(tree, step, err);
	if (r < 0)
		return r;
	target = open_target(e, step, S_ISDIR(st.st_mode), err);
	if (target < 0)
		return target;
	/* Before it can be seen: there is no moment at which a read-only volume is writable. */
	r = set_bind_options(e, tree, step->object);
	if (r < 0)
		return err_set(err, r, "set attributes");
	r = mount_attach(tree, target);
	if (r == -ENOTDIR || (r == -EINVAL && !S_ISDIR(st.st_mode)))
		return err_say(err, -r, "one of source and target is a directory, the other is not");
	return r < 0 ? err_set(err, r, "attach") : 0;
}

static int apply_bind(const struct step *step, void *context, struct err *err)
{
	struct err why = ERR_INIT;
	int r = bind_tree(context, step, &why);

	return r < 0 ? err_say(err, -r, "bind '%s' on '%s': %s", step->source, step->target, err_text(&why)) : 0;
}

const struct step_kind step_bind = { "bind", apply_bind };

static bool has_key(const struct oci_strings *data, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < data->n; i++)
		if (strncmp(data->v[i], key, n) == 0 && data->v[i][n] == '=')
			return true;
	return false;
}

/* A tmpfs over a directory of the image keeps that one's mode, unless told: /run stays 0755, /tmp stays 1777. */
static int keep_mode(struct enter *e, const struct step *step, struct arena *arena, struct mount_options *o)
{
	_autoclose_ int there = -EBADF;
	struct stat st;
	char **v;

	if (strcmp(step->type, "tmpfs") != 0 || has_key(&o->data, "mode"))
		return 0;
	there = path_open_in(e->root, step->target, O_DIRECTORY);
	if (there < 0 || sys_fstatat(there, "", &st, AT_EMPTY_PATH) < 0)
		return 0;
	v = arena_array(arena, o->data.n + 2, sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (o->data.n > 0)
		memcpy(v, o->data.v, o->data.n * sizeof(*v));
	v[o->data.n] = arena_printf(arena, "mode=%o", st.st_mode & 07777);
	if (!v[o->data.n])
		return -ENOMEM;
	o->data = (struct oci_strings){ .v = v, .n = o->data.n + 1 };
	return 0;
}

/* Options that fill more than fsconfig(2) takes; the mount's fd is found by its path, now that it covers the target. */
static int mount_classic(struct enter *e, const struct mount_what *what, int target, struct err *err)
{
	_autoclose_ int mount = -EBADF;
	int r = mount_fs_classic(what, e->entry->proc, target, err);

	if (r < 0)
		return r;
	mount = path_open_in(e->root, what->target, O_DIRECTORY);
	r = mount < 0 ? mount : mount_set_options(mount, what->options);
	return r < 0 ? err_set(err, r, "mount '%s' on '%s': set attributes", what->type, what->target)
	             : take_fd(&mount);
}

/* The network namespace is the guest's and its owner not our user namespace: no sysfs of our own, so theirs. */
static int clone_sysfs(struct enter *e, const struct mount_what *what, struct err *err)
{
	_autoclose_ int sys = sys_open_tree(e->old_root, "sys", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	int r = sys < 0 ? sys : mount_set_options(sys, what->options);

	return r < 0 ? err_set(err, r, "bind '/sys' on '%s'", what->target) : take_fd(&sys);
}

/* While it is nowhere to be seen: whoever looks sees the whole copy. */
static int copy_up(int target, int mount, bool keep_top, struct err *err)
{
	_autoclose_ int from = sys_openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	_autoclose_ int to = sys_openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct treesync sync = { .keep_top = keep_top };

	if (from < 0 || to < 0)
		return err_set(err, from < 0 ? from : to, "open what is to be copied up");
	return treesync_dir(from, to, &sync, err);
}

static int new_mount(struct enter *e, const struct mount_what *what, int target, bool keep_top, struct err *err)
{
	_autoclose_ int mount = -EBADF;
	int r;

	if (mount_fs_is_long(what))
		return mount_classic(e, what, target, err);
	mount = mount_fs_new(what, err);
	if (mount == -EPERM && e->plan->has_userns && strcmp(what->type, "sysfs") == 0)
		mount = clone_sysfs(e, what, err);
	if (mount < 0)
		return mount;
	r = what->options->copy_up ? copy_up(target, mount, keep_top, err) : 0;
	if (r < 0)
		return err_wrap(err, "mount '%s' on '%s'", what->type, what->target);
	r = mount_attach(mount, target);
	return r < 0 ? err_set(err, r, "mount '%s' on '%s': attach", what->type, what->target) : take_fd(&mount);
}

static int apply_mount(const struct step *step, void *context, struct err *err)
{
	_autoarena_ struct arena arena = { 0 };
	struct enter *e = context;
	struct mount_options o = *(const struct mount_options *)step->object;
	struct mount_what what = { step->type, step->source, step->target, &o };
	bool has_mode = has_key(&o.data, "mode");
	_autoclose_ int target = -EBADF, mount = -EBADF;

	if (keep_mode(e, step, &arena, &o) < 0)
		return err_set(err, ENOMEM, "mount '%s' on '%s'", step->type, step->target);
	target = open_target(e, step, true, err);
	if (target < 0)
		return err_wrap(err, "mount '%s' on '%s'", step->type, step->target);
	mount = new_mount(e, &what, target, has_mode, err);
	if (mount < 0)
		return mount;
	if (step->number > 0)
		e->sealed[step->number - 1] = take_fd(&mount);
	return 0;
}

const struct step_kind step_mount = { "mount", apply_mount };

static int apply_remount(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	const struct mount_options *o = step->object;
	struct mount_what what = { step->type[0] ? step->type : "remount", step->source, step->target, o };
	_autoclose_ int target = path_open_in(e->root, step->target, 0);
	int r;

	if (target < 0)
		return err_set(err, target, "remount '%s'", step->target);
	if (o->data.n > 0)
		return mount_fs_remount(&what, e->entry->proc, target, err);
	r = mount_set_options(target, o);
	if (r == -EINVAL)
		return err_say(err, EINVAL, "remount '%s': nothing is mounted there", step->target);
	return r < 0 ? err_set(err, r, "remount '%s'", step->target) : 0;
}

const struct step_kind step_remount = { "remount", apply_remount };

static int apply_seal(const struct step *step, void *context, struct err *err)
{
	const struct mount_attrs ro = { .set = MOUNT_ATTR_RDONLY };
	struct enter *e = context;
	int r = mount_set_attrs(e->sealed[step->number - 1], &ro, false);

	return r < 0 ? err_set(err, r, "make '%s' read-only", step->target) : 0;
}

const struct step_kind step_seal = { "seal", apply_seal };

/* Made while the root can still be written; if it cannot be made, the child's chdir says it better. */
static int apply_cwd(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	int fd = path_make_dirs_in(e->root, step->target, 0755, NULL);

	(void)err;
	(void)fd_close(fd);
	return 0;
}

const struct step_kind step_cwd = { "cwd", apply_cwd };
