/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/mountinfo.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "runtime/bindmount.h"

#define DETACH_ROUNDS 1024 /* mounts that may be below one directory */

int share_prepare(const char *dir, struct err *err)
{
	_autofree_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/shared", dir) < 0)
		return err_set(err, ENOMEM, "make the share");
	r = sys_mkdirat(AT_FDCWD, path, 0700);
	if (r == 0)
		r = sys_mount(path, path, NULL, MS_BIND, NULL);
	/* Nothing of it goes to where the machine's mounts are shared, and all of it to virtiofsd. */
	if (r == 0)
		r = sys_mount(NULL, path, NULL, MS_PRIVATE, NULL);
	if (r == 0)
		r = sys_mount(NULL, path, NULL, MS_SHARED, NULL);
	return r < 0 ? err_set(err, -r, "make the share '%s'", path) : 0;
}

static int make_target(int shared, const char *name, bool is_dir, struct err *err)
{
	return is_dir ? path_make_dirs_in(shared, name, 0700, err) : path_make_file_in(shared, name, 0600, err);
}

/* As a slave: an unmount here must not unmount what is below the source. `set`: MOUNT_ATTR_… */
static int bind_tree(const char *source, uint64_t set, int target)
{
	const struct sys_mount_attr slave = { .attr_set = set, .propagation = MS_SLAVE };
	_autoclose_ int tree = sys_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	int r;

	if (tree < 0)
		return tree;
	r = sys_mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &slave);
	return r < 0 ? r : sys_move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int add(const char *dir, const char *source, uint64_t set, const char *name, struct err *err)
{
	_autoclose_ int shared = -EBADF, target = -EBADF;
	_autofree_ char *path = NULL;
	struct stat st;
	int r = sys_fstatat(AT_FDCWD, source, &st, 0);

	if (r < 0)
		return err_set(err, -r, "share '%s'", source);
	if (asprintf(&path, "%s/shared", dir) < 0)
		return err_set(err, ENOMEM, "share '%s'", source);
	shared = sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (shared < 0)
		return err_set(err, -shared, "open the share '%s'", path);
	target = make_target(shared, name, S_ISDIR(st.st_mode), err);
	if (target < 0)
		return target;
	r = bind_tree(source, set, target);
	return r < 0 ? err_set(err, -r, "bind '%s' at '%s/%s'", source, path, name) : 0;
}

int share_add(const char *dir, const char *source, const char *name, struct err *err)
{
	return add(dir, source, 0, name, err);
}

int share_add_mounts(const char *dir, char *const *mounts, size_t n, struct err *err)
{
	_autoarena_ struct arena arena = { .max = 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct bindmount m;
		const char *name;

		r = bindmount_parse(&arena, mounts[i], &m, err);
		if (r < 0)
			break;
		name = arena_printf(&arena, "%s/%s", SANDBOX_MOUNTS, m.name);
		r = name ? add(dir, m.path, m.is_writable ? 0 : MOUNT_ATTR_RDONLY, name, err)
		         : err_set(err, ENOMEM, "share '%s'", m.path);
	}
	return r;
}

struct search {
	const char *prefix;
	size_t len;
	char *found; /* the topmost so far */
};

static int look(const struct mountinfo_entry *entry, void *arg)
{
	struct search *s = arg;

	if (strncmp(entry->target, s->prefix, s->len) != 0 ||
	    (entry->target[s->len] != '/' && entry->target[s->len] != '\0'))
		return 0;
	free(s->found);
	s->found = strdup(entry->target);
	return s->found ? 0 : -ENOMEM;
}

/*
 * The guest may write what is shared, and swap a directory for a symlink after the table was read: then a path would
 * lead to somebody else's mount (CVE-2020-2024), so none is followed. -ELOOP, -ENOENT, -EINVAL: it is called otherwise
 * by now.
 */
static int unmount_exactly(const char *target)
{
	_autoclose_ int fd = sys_openat2(AT_FDCWD, target, O_PATH | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS);
	char path[64];

	if (fd < 0)
		return fd;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return sys_umount2(path, MNT_DETACH);
}

/* The last of the table goes first: it is on top of the others. */
static int unmount_below(const char *prefix, struct err *err)
{
	for (int i = 0; i < DETACH_ROUNDS; i++) {
		struct search s = { .prefix = prefix, .len = strlen(prefix) };
		_autofree_ char *target = NULL;
		int r = mountinfo_walk(NULL, look, &s, err);

		target = s.found;
		if (r < 0 || !target)
			return r;
		r = unmount_exactly(target);
		if (r < 0 && r != -ELOOP && r != -ENOENT && r != -EINVAL)
			return err_set(err, -r, "unmount '%s'", target);
	}
	return err_say(err, EBUSY, "unmount what is below '%s': it does not end", prefix);
}

void share_remove(const char *dir, const char *id)
{
	_autofree_ char *path = NULL, *shared = NULL;
	_autoclose_ int fd = -EBADF;

	if (asprintf(&shared, "%s/shared", dir) < 0 || asprintf(&path, "%s/%s", shared, id) < 0)
		return;
	(void)unmount_below(path, NULL);
	fd = sys_openat(AT_FDCWD, shared, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd >= 0)
		(void)path_remove_tree(fd, id, NULL);
}

int share_clean(const char *dir, struct err *err)
{
	_autofree_ char *real = realpath(dir, NULL);

	return real ? unmount_below(real, err) : errno == ENOENT ? 0 : err_set(err, errno, "find '%s'", dir);
}
