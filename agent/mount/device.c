/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/mount/fsmount.h"
#include "agent/mount/plan.h"
#include "agent/mount/target.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

#define LINK_TEXT_MAX 64 /* longer than any link that we make */

/* The directory that everything goes into, opened once: an image whose /dev is a symlink is refused. */
static int open_dev(struct enter *e, struct err *err)
{
	const struct target_want want = { .path = "/dev", .is_dir = true, .is_exact = true };

	if (e->dev < 0)
		e->dev = target_open(e->root, &want, err);
	return e->dev < 0 ? e->dev : 0;
}

/* Engines let users choose; no symlink of the image chooses with them. */
static int open_elsewhere(const struct enter *e, const char *path, const char **ret_name, struct err *err)
{
	struct target_want want = { .path = "/", .is_dir = true, .is_exact = true };
	const char *slash = strrchr(path, '/');
	_autofree_ char *parent = strndup(path, (size_t)(slash - path));

	if (!parent)
		return err_set(err, ENOMEM, "find its directory");
	*ret_name = slash + 1;
	if (parent[0] == '\0')
		return sys_fcntl(e->root, F_DUPFD_CLOEXEC, 3);
	want.path = parent;
	return target_open(e->root, &want, err);
}

/* The directory of /dev/some/thing as an fd, and "thing". */
static int open_parent(struct enter *e, const char *path, const char **ret_name, struct err *err)
{
	int r;

	if (!plan_is_below(path, "/dev"))
		return open_elsewhere(e, path, ret_name, err);
	r = open_dev(e, err);

	return r < 0 ? r : path_open_parent_in(e->dev, path + strlen("/dev/"), 0755, ret_name, err);
}

static int open_nofollow(int dir, const char *name)
{
	return sys_openat2(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

static bool is_device(const struct stat *st, mode_t format, dev_t dev)
{
	return (st->st_mode & S_IFMT) == format && (format == S_IFIFO || st->st_rdev == dev);
}

/* What is there after mknod is looked at, through an fd: it may be the image's. */
static int verify(int fd, mode_t format, dev_t dev, struct err *err)
{
	struct stat st;
	int r = sys_fstatat(fd, "", &st, AT_EMPTY_PATH);

	if (r < 0)
		return err_set(err, r, "look at it");
	return is_device(&st, format, dev) ? 0 : err_say(err, EEXIST, "something else is there already");
}

static int make_node(int dir, const char *name, const struct step *step, dev_t dev, struct err *err)
{
	const struct oci_device *d = step->object;
	mode_t mode = (mode_t)step->number;
	int made = sys_mknodat(dir, name, mode, dev), r;
	_autoclose_ int fd = -EBADF;

	if (made < 0 && made != -EEXIST)
		return err_set(err, made, "make the node");
	fd = open_nofollow(dir, name);
	r = fd < 0 ? err_set(err, fd, "open it") : verify(fd, mode & S_IFMT, dev, err);
	if (r < 0 || made == -EEXIST || (d->uid == 0 && d->gid == 0))
		return r;
	r = sys_fchownat(fd, "", d->uid, d->gid, AT_EMPTY_PATH);
	return r < 0 ? err_set(err, r, "change the owner") : 0;
}

/* In a user namespace nodes cannot be made, or not be used: the creator's is bound over an empty file. */
static int bind_node(struct enter *e, int dir, const char *name, const struct step *step, dev_t dev, struct err *err)
{
	_autoclose_ int tree =
		sys_open_tree(e->old_root, step->target + 1, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	_autoclose_ int target = -EBADF;
	struct stat st;
	int r;

	if (tree < 0)
		return err_set(err, tree, "clone the guest's");
	r = verify(tree, (mode_t)step->number & S_IFMT, dev, NULL);
	if (r < 0)
		return err_say(err, ENODEV, "the guest's is another device");
	r = sys_mknodat(dir, name, S_IFREG | 0644, 0);
	if (r < 0 && r != -EEXIST)
		return err_set(err, r, "make a place for it");
	target = open_nofollow(dir, name);
	r = target < 0 ? target : sys_fstatat(target, "", &st, AT_EMPTY_PATH);
	if (r < 0)
		return err_set(err, r, "open its place");
	if (!S_ISREG(st.st_mode) && !is_device(&st, (mode_t)step->number & S_IFMT, dev))
		return err_say(err, EEXIST, "something else is there already");
	r = mount_attach(tree, target);
	return r < 0 ? err_set(err, r, "bind it") : 0;
}

static int apply_node(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	const struct oci_device *d = step->object;
	dev_t dev = S_ISFIFO((mode_t)step->number) ? 0 : makedev((unsigned)d->major, (unsigned)d->minor);
	const char *name = NULL;
	_autoclose_ int dir = open_parent(e, step->target, &name, err);
	int r = dir;

	if (r >= 0 && e->plan->has_userns && !S_ISFIFO((mode_t)step->number))
		r = bind_node(e, dir, name, step, dev, err);
	else if (r >= 0)
		r = make_node(dir, name, step, dev, err);
	return r < 0 ? err_wrap(err, "device '%s'", step->target) : 0;
}

const struct step_kind step_node = { "node", apply_node };

static bool is_link_to(int dir, const char *name, const char *text)
{
	char there[LINK_TEXT_MAX + 1];
	ssize_t n = sys_readlinkat(dir, name, there, LINK_TEXT_MAX);

	if (n < 0)
		return false;
	there[n] = '\0';
	return strcmp(there, text) == 0;
}

static bool has_kcore(struct enter *e)
{
	struct stat st;

	return sys_fstatat(e->entry->proc, "kcore", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int apply_link(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	const char *name = NULL;
	_autoclose_ int dir = -EBADF;
	int r;

	if (strcmp(step->source, "/proc/kcore") == 0 && !has_kcore(e))
		return 0;
	dir = open_parent(e, step->target, &name, err);
	if (dir < 0)
		return err_wrap(err, "link '%s'", step->target);
	r = sys_symlinkat(step->source, dir, name);
	if (r == -EEXIST && is_link_to(dir, name, step->source))
		return 0;
	/* An image that brings its own static /dev has a node ptmx there, of the guest's terminals. */
	if (r == -EEXIST) {
		r = sys_unlinkat(dir, name, 0);
		r = r < 0 ? r : sys_symlinkat(step->source, dir, name);
	}
	return r < 0 ? err_set(err, r, "link '%s' to '%s'", step->target, step->source) : 0;
}

const struct step_kind step_link = { "link", apply_link };
