/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/copyfile.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

#define JUST_HERE  (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
#define MODE_BITS  07777
#define NO_CHANGE  ((uid_t)-1)
#define HIDDEN_MAX 64

/* One copy under way: everything happens in the parent directory, by fd. */
struct target {
	const struct copyfile *file;
	int parent;
	const char *name;
	char hidden[HIDDEN_MAX]; /* where a regular file gathers */
};

static bool is_below(const char *root, const char *path)
{
	size_t len = strlen(root);

	return path_is_clean(path) && strncmp(path, root, len) == 0 && path[len] == '/';
}

static int open_root(const char *root, struct err *err)
{
	_autoclose_ int top = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	return top < 0 ? err_set(err, top, "open '/'") : path_make_dirs_in(top, root, 0755, err);
}

/* Owner first: chown takes the set-id bits away. */
static int set_owner_and_mode(int fd, const struct copyfile *file, uint32_t mode)
{
	int r = 0;

	if (file->uid != NO_CHANGE || file->gid != NO_CHANGE)
		r = sys_fchownat(fd, "", file->uid, file->gid, AT_EMPTY_PATH);
	return r < 0 ? r : sys_fchmod(fd, mode & MODE_BITS);
}

static int open_dir_here(int parent, const char *name)
{
	return sys_openat2(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, JUST_HERE);
}

/* The parent, by an fd that can do more than a path's. One that was missing gets the file's owner, as upstream has it.
 */
static int open_parent(int root, struct target *t, const char *path, struct err *err)
{
	const struct copyfile *file = t->file;
	const char *slash = strrchr(path, '/');
	char above[PATH_MAX];
	int fd, r;

	/* At least the slash behind the root is there, but for the root itself. */
	if (!slash)
		return err_say(err, EINVAL, "that is the directory of all copies");
	(void)snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
	fd = path_open_in(root, above[0] ? above : ".", O_DIRECTORY);
	t->parent = path_open_parent_in(root, path, file->dir_mode & 0777, &t->name, err);
	(void)fd_close(fd);
	if (t->parent < 0 || fd >= 0)
		return t->parent < 0 ? t->parent : 0;
	fd = open_dir_here(t->parent, ".");
	r = fd < 0 ? fd : set_owner_and_mode(fd, file, file->dir_mode & 0777);
	(void)fd_close(fd);
	return r < 0 ? err_set(err, r, "make the directory above") : 0;
}

/* What is there goes, unless it may stay: a tree is removed without crossing a mount. */
static int make_room(const struct target *t, bool dir_may_stay, struct err *err)
{
	struct stat st;
	int r = sys_fstatat(t->parent, t->name, &st, AT_SYMLINK_NOFOLLOW);

	if (r == -ENOENT || (r == 0 && dir_may_stay && S_ISDIR(st.st_mode)))
		return 0;
	return r < 0 ? err_set(err, r, "look at what is there") : path_remove_tree(t->parent, t->name, err);
}

static int copy_dir(const struct target *t, struct err *err)
{
	_autoclose_ int fd = -EBADF;
	int r = make_room(t, true, err);

	if (r < 0)
		return r;
	r = sys_mkdirat(t->parent, t->name, 0700);
	if (r == 0 || r == -EEXIST)
		r = fd = open_dir_here(t->parent, t->name);
	if (r >= 0)
		r = set_owner_and_mode(fd, t->file, t->file->mode);
	return r < 0 ? err_set(err, r, "make the directory") : 0;
}

static int copy_symlink(const struct target *t, struct err *err)
{
	const struct copyfile *file = t->file;
	char to[PATH_MAX];
	int r;

	if (file->len == 0 || file->len >= sizeof(to) || memchr(file->data, '\0', file->len))
		return err_say(err, EINVAL, "%zu bytes make no target of a symlink", file->len);
	memcpy(to, file->data, file->len);
	to[file->len] = '\0';
	r = make_room(t, false, err);
	if (r < 0)
		return r;
	r = sys_symlinkat(to, t->parent, t->name);
	if (r == 0 && (file->uid != NO_CHANGE || file->gid != NO_CHANGE))
		r = sys_fchownat(t->parent, t->name, file->uid, file->gid, AT_SYMLINK_NOFOLLOW);
	return r < 0 ? err_set(err, r, "make the symlink") : 0;
}

/* --- regular files ------------------------------------------------------------------------------------------------ */

/* Of fixed length, since the name may have the longest that there is; the same for every chunk of a file. */
static void name_hidden(struct target *t)
{
	uint64_t hash = 14695981039346656037u;

	for (const char *p = t->name; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211u;
	(void)snprintf(t->hidden, sizeof(t->hidden), ".kata-%016llx.tmp", (unsigned long long)hash);
}

/* Only a file that we have made and that has no second name: a container may put other things there. */
static int check_gathered(int fd, const struct copyfile *file, struct err *err)
{
	struct stat st;
	int r = sys_fstatat(fd, "", &st, AT_EMPTY_PATH);

	if (r < 0)
		return err_set(err, r, "look at what came before");
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_say(err, EINVAL, "what came before is not ours");
	if (st.st_size < file->offset || st.st_size > file->size)
		return err_say(err, EINVAL, "a chunk at %lld of %lld bytes, but %lld came before",
		               (long long)file->offset, (long long)file->size, (long long)st.st_size);
	return 0;
}

static int open_hidden(const struct target *t, struct err *err)
{
	int first = t->file->offset == 0 ? O_CREAT | O_EXCL : 0, fd, r;

	if (first) {
		r = path_remove_tree(t->parent, t->hidden, err);
		if (r < 0)
			return r;
	}
	/* Non-blocking, should a fifo be there. */
	fd = sys_openat2(t->parent, t->hidden, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | first, first ? 0600 : 0,
	                 JUST_HERE);
	if (fd < 0)
		return err_set(err, fd, first ? "make a file for it" : "find what came before");
	r = check_gathered(fd, t->file, err);
	if (r < 0)
		(void)fd_close(fd);
	return r < 0 ? r : fd;
}

static int write_at(int fd, const struct copyfile *file)
{
	const char *p = file->data;
	size_t left = file->len;
	off_t at = file->offset;

	while (left > 0) {
		ssize_t n = sys_pwrite(fd, p, left, at);

		if (n < 0 && n != -EINTR)
			return (int)n;
		if (n > 0) {
			p += n;
			left -= (size_t)n;
			at += n;
		}
	}
	return 0;
}

static int put_in_place(const struct target *t, int fd, struct err *err)
{
	struct stat st;
	int r = sys_fstatat(t->parent, t->name, &st, AT_SYMLINK_NOFOLLOW);

	/* Anything but a directory is replaced in one go. */
	if (r == 0 && S_ISDIR(st.st_mode)) {
		r = path_remove_tree(t->parent, t->name, err);
		if (r < 0)
			return r;
	}
	r = set_owner_and_mode(fd, t->file, t->file->mode);
	r = r < 0 ? r : sys_renameat(t->parent, t->hidden, t->parent, t->name);
	return r < 0 ? err_set(err, r, "put it in its place") : 0;
}

static int copy_regular(struct target *t, struct err *err)
{
	const struct copyfile *file = t->file;
	_autoclose_ int fd = -EBADF;
	int r;

	if (file->offset < 0 || file->size < 0 || file->offset > file->size ||
	    file->len > (uint64_t)(file->size - file->offset))
		return err_say(err, EINVAL, "%zu bytes at %lld do not fit into a file of %lld", file->len,
		               (long long)file->offset, (long long)file->size);
	name_hidden(t);
	fd = open_hidden(t, err);
	if (fd < 0)
		return fd;
	r = write_at(fd, file);
	if (r < 0) {
		(void)sys_unlinkat(t->parent, t->hidden, 0);
		return err_set(err, r, "write %zu bytes at %lld", file->len, (long long)file->offset);
	}
	return (int64_t)file->len == file->size - file->offset ? put_in_place(t, fd, err) : 0;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static int copy(int root, const char *path, const struct copyfile *file, struct err *err)
{
	struct target t = { .file = file, .parent = -EBADF };
	uint32_t type = file->mode & S_IFMT;
	int r;

	if (type != S_IFDIR && type != S_IFLNK && type != S_IFREG && type != 0)
		return err_say(err, EINVAL, "files of type 0%o are not copied", type);
	r = open_parent(root, &t, path, err);
	if (r >= 0 && type == S_IFDIR)
		r = copy_dir(&t, err);
	else if (r >= 0 && type == S_IFLNK)
		r = copy_symlink(&t, err);
	else if (r >= 0)
		r = copy_regular(&t, err);
	(void)fd_close(t.parent);
	return r;
}

int copyfile_apply(const char *root, const struct copyfile *file, struct err *err)
{
	size_t len = strlen(file->path), root_len = strlen(root);
	_autoclose_ int fd = -EBADF;
	char path[PATH_MAX];
	int r;

	if (!is_below(root, file->path))
		return err_say(err, EINVAL, "copy '%s': the path is not below '%s'", file->path, root);
	if (len >= sizeof(path))
		return err_set(err, ENAMETOOLONG, "copy '%s'", file->path);
	/* "/dir/" is "/dir". */
	while (len > root_len && file->path[len - 1] == '/')
		len--;
	(void)snprintf(path, sizeof(path), "%.*s", (int)(len - root_len), file->path + root_len);
	(void)sys_umask(0);
	fd = open_root(root, err);
	r = fd < 0 ? fd : copy(fd, path, file, err);
	return r < 0 ? err_wrap(err, "copy '%s'", file->path) : 0;
}
