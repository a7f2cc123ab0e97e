/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "agent/mount/fsmount.h"
#include "agent/mount/plan.h"
#include "lib/fd.h"
#include "lib/sys.h"

/*
 * The old tree first gets the propagation that binds inherit from; its top is then private in any case: with a shared
 * parent our rootfs would appear in the creator's namespace, and pivot_root refuses.
 */
static int apply_propagation(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	int r = mount_set_propagation(e->old_root, step->flags & ~(uint64_t)MS_REC, (step->flags & MS_REC) != 0);

	r = r < 0 ? r : mount_set_propagation(e->old_root, MS_PRIVATE, false);
	return r < 0 ? err_set(err, r, "set the propagation of '/'") : 0;
}

const struct step_kind step_propagation = { "propagation", apply_propagation };

/*
 * In the creator's own mount namespace nothing of his is changed: the rootfs lies on its own path, private, and all
 * that is mounted lies below it, so that one umount takes everything away.
 */
static int attach_to_itself(struct enter *e, const char *path, struct err *err)
{
	_autoclose_ int dir = sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int r = dir < 0 ? dir : mount_set_propagation(e->root, MS_PRIVATE, true);

	r = r < 0 ? r : mount_attach(e->root, dir);
	/* Below a shared mount it has become a shared one. */
	r = r < 0 ? r : mount_set_propagation(e->root, MS_PRIVATE, true);
	return r < 0 ? err_set(err, r, "attach the rootfs to '%s'", path) : 0;
}

/* Attached before anything else: kernels before 6.15 attach nothing below a detached tree. */
static int apply_root(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	int r;

	if (e->plan->shares_mntns)
		return attach_to_itself(e, step->source, err);
	r = mount_set_propagation(e->root, MS_SLAVE, true);
	r = r < 0 ? r : mount_set_propagation(e->root, MS_PRIVATE, false);
	if (r < 0)
		return err_set(err, r, "set the propagation of the rootfs '%s'", step->source);
	r = mount_attach(e->root, e->old_root);
	return r < 0 ? err_set(err, r, "attach the rootfs '%s'", step->source) : 0;
}

const struct step_kind step_root = { "root", apply_root };

/* The creator's, for the container's own may be a symlink to something that a mask then would expose. */
static int clone_null(int old_root)
{
	_autoclose_ int fd =
		sys_open_tree(old_root, "dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	struct stat st;
	int r = fd < 0 ? fd : sys_fstatat(fd, "", &st, AT_EMPTY_PATH);

	if (r < 0)
		return r;
	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3) ? take_fd(&fd) : -ENODEV;
}

static int detach_old_root(struct enter *e)
{
	/* pivot_root has put the old root on top of the new one; both are named by where we stand. */
	int r = sys_fchdir(e->old_root);

	r = r < 0 ? r : mount_set_propagation(e->old_root, MS_SLAVE, true);
	r = r < 0 ? r : sys_umount2(".", MNT_DETACH);
	e->old_root = fd_close(e->old_root);
	r = r < 0 ? r : sys_fchdir(e->root);
	return r;
}

/*
 * Hooks look for the container's file system at the path of its rootfs, with their own root or with that of our mount
 * namespace, which is the uppermost mount on "/": so the rootfs moves there. Not where our mounts are shared with the
 * creator's: it would see the rootfs too.
 */
static int show_rootfs(struct enter *e, struct err *err)
{
	const char *path = e->plan->sources[0].path;
	_autoclose_ int dir = -EBADF;
	int r;

	if ((e->plan->propagation & MS_SHARED) || e->plan->shares_mntns)
		return 0;
	dir = sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	r = dir < 0 ? dir : mount_attach(e->root, dir);
	return r < 0 ? err_set(err, r, "attach the rootfs to '%s'", path) : 0;
}

static int call_before_pivot(struct enter *e, struct err *err)
{
	int r = e->entry->before_pivot ? show_rootfs(e, err) : 0;

	return r < 0 || !e->entry->before_pivot ? r : e->entry->before_pivot(e->entry->before_pivot_arg, err);
}

static int apply_pivot(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	int r = call_before_pivot(e, err);

	(void)step;
	if (r < 0)
		return r;
	r = sys_fchdir(e->root);
	if (r < 0)
		return err_set(err, r, "go to the rootfs");
	e->null = clone_null(e->old_root);
	if (e->plan->shares_mntns) {
		r = sys_chroot(".");
		return r < 0 ? err_set(err, r, "change the root to the rootfs") : 0;
	}
	r = sys_pivot_root(".", ".");
	if (r == -EINVAL)
		return err_say(err, EINVAL,
		               "pivot_root refuses: '/' is a bare initramfs, or its parent mount is shared");
	if (r < 0)
		return err_set(err, r, "pivot_root");
	r = detach_old_root(e);
	return r < 0 ? err_set(err, r, "detach the old root") : 0;
}

const struct step_kind step_pivot = { "pivot", apply_pivot };

static int apply_share(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	int r = mount_set_propagation(e->root, step->flags & ~(uint64_t)MS_REC, (step->flags & MS_REC) != 0);

	return r < 0 ? err_set(err, r, "set the propagation of the rootfs") : 0;
}

const struct step_kind step_share = { "share", apply_share };

static int apply_readonly_root(const struct step *step, void *context, struct err *err)
{
	const struct mount_attrs ro = { .set = MOUNT_ATTR_RDONLY };
	struct enter *e = context;
	int r = mount_set_attrs(e->root, &ro, false);

	return r < 0 ? err_set(err, r, "make '%s' read-only", step->target) : 0;
}

const struct step_kind step_readonly_root = { "readonly-root", apply_readonly_root };

static int enter_init(struct enter *e, struct err *err)
{
	size_t n = e->plan->n_sealed;

	e->root = e->sources->fds[0];
	e->sealed = calloc(n + 1, sizeof(int));
	if (!e->sealed)
		return err_set(err, ENOMEM, "build the rootfs");
	for (size_t i = 0; i < n; i++)
		e->sealed[i] = -EBADF;
	e->old_root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	return e->old_root < 0 ? err_set(err, e->old_root, "open '/'") : 0;
}

static void enter_done(struct enter *e)
{
	for (size_t i = 0; e->sealed && i < e->plan->n_sealed; i++)
		(void)fd_close(e->sealed[i]);
	free(e->sealed);
	(void)fd_close(e->old_root);
	(void)fd_close(e->dev);
	(void)fd_close(e->null);
	(void)fd_close(e->empty);
}

int rootfs_enter(const struct rootfs_plan *plan, const struct rootfs_sources *sources, struct rootfs_entry *entry,
                 struct err *err)
{
	struct enter e = { plan, sources, entry, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, false, false, NULL };
	mode_t mask = sys_umask(0); /* modes are what the spec says */
	int r = enter_init(&e, err);

	entry->master = entry->slave = -EBADF;
	r = r < 0 ? r : step_list_apply(&plan->steps, &e, NULL, err);
	r = r < 0 ? r : sys_chdir("/");
	(void)sys_umask(mask);
	enter_done(&e);
	if (r < 0) {
		fd_closep(&entry->master);
		fd_closep(&entry->slave);
	}
	return r < 0 && err && !err->num ? err_set(err, r, "build the rootfs") : r;
}
