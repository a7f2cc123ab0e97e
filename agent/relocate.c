/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out of the initramfs (design D10): an initramfs can neither be unmounted nor be the old root of pivot_root,
 * and what lies in it is memory for ever. So what is needed later moves to a tmpfs, and the rest is freed. Declared in
 * boot.h.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/boot.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/selfexec.h"
#include "lib/sys.h"

#define NEW_ROOT       "/newroot"
#define LIST_MAX       (1024 * 1024)
#define LEFT_DEPTH_MAX 4 /* fields of a manifest line before the path */

static const char *const moved[] = { "proc", "sys", "dev", "run", "tmp" };

static bool is_initramfs(void)
{
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	struct statfs st;

	if (root < 0 || sys_fstatfs(root, &st) < 0)
		return false;
	return st.f_type == RAMFS_MAGIC || st.f_type == TMPFS_MAGIC;
}

static int copy_link(int root, const char *path, struct err *err)
{
	_autoclose_ int parent = -EBADF;
	const char *name;
	char target[4096];
	ssize_t n = sys_readlinkat(AT_FDCWD, path, target, sizeof(target) - 1);
	int r;

	if (n < 0)
		return err_set(err, (int)n, "read link '%s'", path);
	target[n] = '\0';
	parent = path_open_parent_in(root, path, 0755, &name, err);
	if (parent < 0)
		return parent;
	r = sys_symlinkat(target, parent, name);
	return r < 0 && r != -EEXIST ? err_set(err, r, "copy link '%s'", path) : 0;
}

static int copy_file(int root, const char *path, mode_t mode, struct err *err)
{
	_autoclose_ int from = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), parent = -EBADF, to = -EBADF;
	const char *name;
	int r;

	if (from < 0)
		return err_set(err, from, "open '%s'", path);
	parent = path_open_parent_in(root, path, 0755, &name, err);
	if (parent < 0)
		return parent;
	to = sys_openat(parent, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (to < 0)
		return err_set(err, to, "create the copy of '%s'", path);
	r = fd_copy(from, to, 0);
	if (r >= 0)
		r = sys_fchmod(to, mode);
	return r < 0 ? err_set(err, r, "copy '%s'", path) : 0;
}

static int copy_entry(int root, const char *path, struct err *err)
{
	struct stat st;
	int fd, r = sys_fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW);

	if (r < 0)
		return err_set(err, r, "look at '%s'", path);
	if (S_ISLNK(st.st_mode))
		return copy_link(root, path, err);
	if (!S_ISDIR(st.st_mode))
		return copy_file(root, path, st.st_mode & 07777, err);
	fd = path_make_dirs_in(root, path, st.st_mode & 07777, err);
	(void)fd_close(fd);
	return fd < 0 ? fd : 0;
}

/* "keep SHA256 SIZE MODE PATH", one a line. */
static int copy_kept(int root, struct err *err)
{
	_autofree_ char *manifest = NULL;
	int r = fd_read_file_at(AT_FDCWD, BOOT_MANIFEST_FILE, LIST_MAX, &manifest, NULL);
	char *rest = manifest, *line;

	if (r < 0)
		return err_set(err, r, "read '%s'", BOOT_MANIFEST_FILE);
	while (r >= 0 && (line = strsep(&rest, "\n"))) {
		char *path = line;

		if (strncmp(line, "keep ", 5) != 0)
			continue;
		for (int i = 0; path && i < LEFT_DEPTH_MAX; i++) {
			path = strchr(path, ' ');
			path = path ? path + 1 : NULL;
		}
		r = path && *path == '/' ? copy_entry(root, path, err)
		                         : err_say(err, EINVAL, "bad line '%s' in '%s'", line, BOOT_MANIFEST_FILE);
	}
	return r;
}

static int move_mounts(int root, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
		char from[32], to[64];
		int r, fd = path_make_dirs_in(root, moved[i], 0755, err);

		if (fd < 0)
			return fd;
		(void)fd_close(fd);
		(void)snprintf(from, sizeof(from), "/%s", moved[i]);
		(void)snprintf(to, sizeof(to), NEW_ROOT "/%s", moved[i]);
		r = sys_mount(from, to, NULL, MS_MOVE, NULL);
		if (r < 0)
			return err_set(err, r, "move mount '%s' to '%s'", from, to);
	}
	return 0;
}

/* Frees the memory of the initramfs: everything but the mount point of the new root. */
static int empty_old_root(struct err *err)
{
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct dirent *entry;
	DIR *dir = NULL;
	int r, copy = root < 0 ? root : sys_fcntl(root, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return err_set(err, copy, "open the old root");
	r = sys_fdopendir(copy, &dir);
	if (r < 0)
		return err_set(err, r, "list the old root");
	while ((r = sys_readdir(dir, &entry)) == 1) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, &NEW_ROOT[1]) == 0)
			continue;
		(void)path_remove_tree(root, entry->d_name, NULL);
	}
	(void)closedir(dir);
	return r;
}

static int enter_new_root(struct err *err)
{
	int r = sys_chdir(NEW_ROOT);

	if (r >= 0)
		r = sys_mount(NEW_ROOT, "/", NULL, MS_MOVE, NULL);
	if (r >= 0)
		r = sys_chroot(".");
	if (r >= 0)
		r = sys_chdir("/");
	return r < 0 ? err_set(err, r, "make '%s' the root", NEW_ROOT) : 0;
}

static int execute_self(struct err *err)
{
	char *const argv[] = { BOOT_PROGRAM, NULL };

	if (setenv(BOOT_RELOCATED_ENV, "1", 1) < 0)
		return err_set(err, errno, "remember that the initramfs was left");
	return selfexec_run(SELFEXEC_ANY, BOOT_PROGRAM, argv, environ, err);
}

bool boot_must_relocate(void)
{
	return sys_owns_machine() && !getenv(BOOT_RELOCATED_ENV) && is_initramfs();
}

int boot_relocate(struct err *err)
{
	_autoclose_ int root = -EBADF;
	int r;

	if (!boot_must_relocate())
		return 0;
	r = sys_mkdirat(AT_FDCWD, NEW_ROOT, 0755);
	if (r >= 0 || r == -EEXIST)
		r = sys_mount("tmpfs", NEW_ROOT, "tmpfs", 0, "mode=0755");
	if (r < 0)
		return err_set(err, r, "mount 'tmpfs' on '%s'", NEW_ROOT);
	root = sys_openat(AT_FDCWD, NEW_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (root < 0)
		return err_set(err, root, "open '%s'", NEW_ROOT);
	r = copy_kept(root, err);
	if (r >= 0)
		r = move_mounts(root, err);
	if (r >= 0)
		r = empty_old_root(err);
	if (r >= 0)
		r = enter_new_root(err);
	fd_closep(&root);
	return r < 0 ? r : execute_self(err);
}
