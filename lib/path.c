/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define IN_ROOT   (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define JUST_HERE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

int path_open_in(int root, const char *path, uint64_t flags)
{
	return sys_openat2(root, path, O_PATH | O_CLOEXEC | flags, 0, IN_ROOT);
}

static bool is_symlink(int dirfd, const char *name)
{
	struct stat st;

	return sys_fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* Opens what was just made, or found, as `name`; it must not have become a way to somewhere else in between. */
static int open_made(int parent, const char *name, const char *path, uint64_t flags, struct err *err)
{
	int fd = sys_openat2(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | flags, 0, JUST_HERE);

	if (is_symlink(parent, name)) {
		(void)fd_close(fd);
		return err_say(err, ENOENT, "make '%s': it is a dangling symlink", path);
	}
	if (fd < 0)
		return err_set(err, fd, "open '%s'", path);
	return fd;
}

static int make_dir(int parent, const char *name, const char *path, mode_t mode, struct err *err)
{
	int r = sys_mkdirat(parent, name, mode);

	if (r < 0 && r != -EEXIST)
		return err_set(err, r, "make directory '%s'", path);
	return open_made(parent, name, path, O_DIRECTORY, err);
}

/*
 * Each prefix is resolved from the root, so that `..` and symlinks mean what they mean inside of it; only a component
 * that is missing is made, below the fd of the prefix before it.
 */
static int make_dirs(int root, char *path, mode_t mode, struct err *err)
{
	_autoclose_ int current = path_open_in(root, ".", O_DIRECTORY);
	unsigned made = 0;

	if (current < 0)
		return err_set(err, current, "open the root for '%s'", path);
	for (char *p = path + strspn(path, "/"), *end; *p; p = end + strspn(end, "/")) {
		char slash;
		int fd;

		end = p + strcspn(p, "/");
		slash = *end;
		*end = '\0';
		fd = path_open_in(root, path, O_DIRECTORY);
		if (fd == -ENOENT && made++ < PATH_DEPTH_MAX)
			fd = make_dir(current, p, path, mode, err);
		else if (fd < 0)
			fd = err_set(err, made > PATH_DEPTH_MAX ? ENAMETOOLONG : fd, "make directory '%s'", path);
		if (fd < 0)
			return fd;
		*end = slash;
		fd_closep(&current);
		current = fd;
	}
	return take_fd(&current);
}

static int make_dirs_n(int root, const char *path, size_t n, mode_t mode, struct err *err)
{
	char copy[PATH_MAX];

	if (n >= sizeof(copy))
		return err_set(err, ENAMETOOLONG, "make directory '%s'", path);
	memcpy(copy, path, n);
	copy[n] = '\0';
	return make_dirs(root, copy, mode, err);
}

int path_make_dirs_in(int root, const char *path, mode_t mode, struct err *err)
{
	return make_dirs_n(root, path, strlen(path), mode, err);
}

int path_open_parent_in(int root, const char *path, mode_t mode, const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	int fd;

	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_say(err, EINVAL, "path '%s' does not end in a name", path);
	fd = make_dirs_n(root, path, (size_t)(name - path), mode, err);
	if (fd >= 0)
		*ret_name = name;
	return fd;
}

int path_make_file_in(int root, const char *path, mode_t mode, struct err *err)
{
	_autoclose_ int parent = -EBADF, file = -EBADF;
	const char *name;
	int fd;

	parent = path_open_parent_in(root, path, 0755, &name, err);
	if (parent < 0)
		return parent;
	fd = path_open_in(root, path, 0);
	if (fd >= 0)
		return fd;
	if (fd != -ENOENT)
		return err_set(err, fd, "make file '%s'", path);
	file = sys_openat(parent, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (file < 0 && file != -EEXIST)
		return err_set(err, file, "make file '%s'", path);
	return open_made(parent, name, path, 0, err);
}

/* --- removal ----------------------------------------------------------------------------------------------------- */

struct removal {
	int top;          /* the directory that is being removed */
	const char *name; /* its name, for messages */
	unsigned n_moved; /* names of what was moved up */
	bool moved;       /* in this round */
	struct err *err;
};

static int empty_dir(struct removal *rm, int fd, unsigned depth);

/* Nobody can nest directories so deep that they cannot be removed: what lies too deep is moved up and found again. */
static int move_up(struct removal *rm, int dirfd, const char *name)
{
	char to[64];
	int r = -EEXIST;

	for (int i = 0; i < 1000 && (r == -EEXIST || r == -ENOTEMPTY || r == -ENOTDIR); i++) {
		(void)snprintf(to, sizeof(to), ".removed-%u", rm->n_moved++);
		r = sys_renameat(dirfd, name, rm->top, to);
	}
	if (r < 0)
		return err_set(rm->err, r, "move '%s' up in '%s'", name, rm->name);
	rm->moved = true;
	return 0;
}

static int open_dir_here(int dirfd, const char *name)
{
	return sys_openat2(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0,
	                   RESOLVE_NO_XDEV | JUST_HERE);
}

/* 0 if it is gone, 1 if it is a directory. */
static int unlink_entry(int dirfd, const char *name)
{
	struct stat st;
	int r = sys_unlinkat(dirfd, name, 0);

	if (r == 0 || r == -ENOENT)
		return 0;
	/* Some file systems say EPERM for a directory, and an immutable file says it too. */
	if (r == -EISDIR ||
	    (r == -EPERM && sys_fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)))
		return 1;
	return r;
}

static int remove_entry(struct removal *rm, int dirfd, const char *name, unsigned depth)
{
	int fd, r = unlink_entry(dirfd, name);

	if (r == 0)
		return 0;
	if (r < 0)
		return err_set(rm->err, r, "remove '%s' in '%s'", name, rm->name);
	if (depth >= PATH_DEPTH_MAX)
		return move_up(rm, dirfd, name);
	fd = open_dir_here(dirfd, name);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_set(rm->err, fd, "open directory '%s' in '%s'", name, rm->name);
	r = empty_dir(rm, fd, depth + 1);
	if (r < 0)
		return r;
	r = sys_unlinkat(dirfd, name, AT_REMOVEDIR);
	return r < 0 && r != -ENOENT ? err_set(rm->err, r, "remove directory '%s' in '%s'", name, rm->name) : 0;
}

/* Takes fd over. */
static int empty_dir(struct removal *rm, int fd, unsigned depth)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int r = sys_fdopendir(fd, &dir);

	if (r < 0) {
		(void)fd_close(fd);
		return err_set(rm->err, r, "read a directory in '%s'", rm->name);
	}
	while ((r = sys_readdir(dir, &entry)) > 0) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_entry(rm, fd, entry->d_name, depth);
		if (r < 0)
			return r;
	}
	return r < 0 ? err_set(rm->err, r, "read a directory in '%s'", rm->name) : 0;
}

int path_remove_tree(int dirfd, const char *name, struct err *err)
{
	_autoclose_ int top = -EBADF;
	struct removal rm = { .name = name, .err = err };
	int r = unlink_entry(dirfd, name);

	if (r <= 0)
		return r < 0 ? err_set(err, r, "remove '%s'", name) : 0;
	top = open_dir_here(dirfd, name);
	if (top < 0)
		return top == -ENOENT ? 0 : err_set(err, top, "open directory '%s'", name);
	rm.top = top;
	do {
		int fd = open_dir_here(top, ".");

		rm.moved = false;
		r = fd < 0 ? err_set(err, fd, "open directory '%s'", name) : empty_dir(&rm, fd, 1);
	} while (r == 0 && rm.moved);
	if (r < 0)
		return r;
	r = sys_unlinkat(dirfd, name, AT_REMOVEDIR);
	return r < 0 && r != -ENOENT ? err_set(err, r, "remove directory '%s'", name) : 0;
}

bool path_is_clean(const char *path)
{
	if (!path || path[0] != '/')
		return false;
	for (const char *p = path; *p;) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 2 && strncmp(p, "..", 2) == 0)
			return false;
		p += n;
	}
	return true;
}
