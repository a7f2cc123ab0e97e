/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/treesync.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mount/storage_common.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

#define TEMP_NAME ".kata-agent.new"
#define JUST_HERE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

/* The next name that is not "." or ".."; 1, 0 at the end, -errno. */
static int next_name(DIR *dir, const char **ret)
{
	struct dirent *entry;
	int r;

	while ((r = sys_readdir(dir, &entry)) > 0) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		*ret = entry->d_name;
		return 1;
	}
	return r;
}

static int open_here(int dir, const char *name, uint64_t flags)
{
	return sys_openat2(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, 0, JUST_HERE);
}

static int fail(struct err *err, int r, const char *name)
{
	return err_set(err, r, "copy '%s'", name);
}

/* --- what is there ------------------------------------------------------------------------------------------------ */

static int count_dir(int from, struct treesync *s, unsigned depth, struct err *err);

static int count_entry(int from, const char *name, struct treesync *s, unsigned depth, struct err *err)
{
	struct stat st;
	int r = sys_fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail(err, r, name);
	s->entries++;
	s->bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	if (s->entries_max && s->entries > s->entries_max)
		return err_say(err, E2BIG, "more than %u files, directories and symlinks", s->entries_max);
	if (s->bytes_max && s->bytes > s->bytes_max)
		return err_say(err, EFBIG, "more than %llu bytes", (unsigned long long)s->bytes_max);
	if (S_ISDIR(st.st_mode)) {
		_autoclose_ int dir = open_here(from, name, O_RDONLY | O_DIRECTORY);

		if (dir == -ENOENT)
			return 0;
		return dir < 0 ? fail(err, dir, name) : count_dir(dir, s, depth + 1, err);
	}
	return 0;
}

static int count_dir(int from, struct treesync *s, unsigned depth, struct err *err)
{
	_autodir_ DIR *dir = NULL;
	const char *name;
	int r = fd_opendir(from, ".", 0, &dir);

	if (r < 0)
		return fail(err, r, ".");
	if (depth == PATH_DEPTH_MAX)
		return err_say(err, ELOOP, "more than %d directories deep", PATH_DEPTH_MAX);
	while ((r = next_name(dir, &name)) > 0) {
		r = count_entry(from, name, s, depth, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? fail(err, r, ".") : 0;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static bool has_same_face(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return has_same_face(a, b) && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The mode after the owner, whose change takes setuid away; the time last, which writing changes. */
static int set_face(int fd, const struct stat *st)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };
	int r = sys_fchownat(fd, "", st->st_uid, st->st_gid, AT_EMPTY_PATH);

	r = r < 0 ? r : sys_fchmod(fd, st->st_mode & 07777);
	return r < 0 ? r : sys_futimens(fd, times);
}

static int fill_file(int from, int to, const struct stat *st, const struct treesync *s)
{
	int r = fd_copy(from, to, s->bytes_max);

	return r < 0 ? r : set_face(to, st);
}

int treesync_file(int from, int to, struct treesync *s, struct err *err)
{
	struct stat st, old;
	int r = sys_fstatat(from, "", &st, AT_EMPTY_PATH);

	r = r < 0 ? r : sys_fstatat(to, "", &old, AT_EMPTY_PATH);
	if (r < 0)
		return err_set(err, r, "look at the file");
	s->entries = 1;
	s->bytes = (uint64_t)st.st_size;
	if (s->bytes_max && s->bytes > s->bytes_max)
		return err_say(err, EFBIG, "more than %llu bytes", (unsigned long long)s->bytes_max);
	if (is_same_file(&st, &old))
		return 0;
	s->changes++;
	r = sys_ftruncate(to, 0);
	r = r < 0 ? r : fill_file(from, to, &st, s);
	return r < 0 ? err_set(err, r, "copy the file") : 0;
}

/* Removes what is in the way unless a rename can replace it. */
static int make_room(int to, const char *name, bool for_dir, struct err *err)
{
	struct stat st;
	int r = sys_fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW);

	if (r == -ENOENT || (r == 0 && S_ISDIR(st.st_mode) == for_dir))
		return 0;
	return r < 0 ? fail(err, r, name) : path_remove_tree(to, name, err);
}

static int put_temp(int to, const char *name, struct err *err)
{
	int r = make_room(to, name, false, err);

	if (r < 0)
		return r;
	r = sys_renameat(to, TEMP_NAME, to, name);
	return r < 0 ? fail(err, r, name) : 0;
}

static int copy_file(int from, int to, const char *name, struct treesync *s, struct err *err)
{
	/* What was a file a moment ago may be a fifo now. */
	_autoclose_ int in = open_here(from, name, O_RDONLY | O_NONBLOCK | O_NOCTTY), out = -EBADF;
	struct stat st, old;
	int r = in < 0 ? in : sys_fstatat(in, "", &st, AT_EMPTY_PATH);

	if (r < 0)
		return r == -ENOENT ? 0 : fail(err, r, name);
	if (!S_ISREG(st.st_mode) || (sys_fstatat(to, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && is_same_file(&st, &old)))
		return 0;
	s->changes++;
	(void)sys_unlinkat(to, TEMP_NAME, 0);
	out = sys_openat(to, TEMP_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = out < 0 ? out : fill_file(in, out, &st, s);
	if (r < 0)
		return fail(err, r, name);
	return put_temp(to, name, err);
}

static int copy_link(int from, int to, const char *name, struct treesync *s, struct err *err)
{
	char text[PATH_MAX], old[PATH_MAX];
	ssize_t n = sys_readlinkat(from, name, text, sizeof(text) - 1), n_old;
	struct stat st;
	int r = n < 0 ? (int)n : sys_fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW);

	if (r < 0)
		return r == -ENOENT ? 0 : fail(err, r, name);
	text[n] = '\0';
	n_old = sys_readlinkat(to, name, old, sizeof(old));
	if (n_old == n && memcmp(old, text, (size_t)n) == 0)
		return 0;
	s->changes++;
	(void)sys_unlinkat(to, TEMP_NAME, 0);
	r = sys_symlinkat(text, to, TEMP_NAME);
	r = r < 0 ? r : sys_fchownat(to, TEMP_NAME, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
	return r < 0 ? fail(err, r, name) : put_temp(to, name, err);
}

/* --- directories -------------------------------------------------------------------------------------------------- */

static int sync_dir(int from, int to, struct treesync *s, unsigned depth, struct err *err);

static int copy_dir(int from, int to, const char *name, struct treesync *s, unsigned depth, struct err *err)
{
	_autoclose_ int in = open_here(from, name, O_RDONLY | O_DIRECTORY), out = -EBADF;
	struct stat st, old;
	int r = in < 0 ? in : sys_fstatat(in, "", &st, AT_EMPTY_PATH);

	if (r < 0)
		return r == -ENOENT ? 0 : fail(err, r, name);
	r = make_room(to, name, true, err);
	if (r < 0)
		return r;
	r = sys_mkdirat(to, name, 0700);
	if (r < 0 && r != -EEXIST)
		return fail(err, r, name);
	out = open_here(to, name, O_RDONLY | O_DIRECTORY);
	if (out < 0)
		return fail(err, out, name);
	r = sync_dir(in, out, s, depth + 1, err);
	if (r < 0)
		return r;
	r = sys_fstatat(out, "", &old, AT_EMPTY_PATH);
	if (r == 0 && !has_same_face(&st, &old)) {
		s->changes++;
		r = set_face(out, &st);
	}
	return r < 0 ? fail(err, r, name) : 0;
}

static int copy_entry(int from, int to, const char *name, bool links, struct treesync *s, unsigned depth,
                      struct err *err)
{
	struct stat st;
	int r = sys_fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW);

	if (r < 0)
		return r == -ENOENT ? 0 : fail(err, r, name);
	if (S_ISLNK(st.st_mode) != links)
		return 0;
	if (links)
		return copy_link(from, to, name, s, err);
	if (S_ISDIR(st.st_mode))
		return copy_dir(from, to, name, s, depth, err);
	return S_ISREG(st.st_mode) ? copy_file(from, to, name, s, err) : 0;
}

static int copy_all(int from, int to, bool links, struct treesync *s, unsigned depth, struct err *err)
{
	_autodir_ DIR *dir = NULL;
	const char *name;
	int r = fd_opendir(from, ".", 0, &dir);

	if (r < 0)
		return fail(err, r, ".");
	while ((r = next_name(dir, &name)) > 0) {
		r = copy_entry(from, to, name, links, s, depth, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? fail(err, r, ".") : 0;
}

static int remove_gone(int from, int to, struct treesync *s, struct err *err)
{
	_autodir_ DIR *dir = NULL;
	const char *name;
	struct stat st;
	int r = fd_opendir(to, ".", 0, &dir);

	if (r < 0)
		return fail(err, r, ".");
	while ((r = next_name(dir, &name)) > 0) {
		if (sys_fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != -ENOENT)
			continue;
		s->changes++;
		r = path_remove_tree(to, name, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? fail(err, r, ".") : 0;
}

static int sync_dir(int from, int to, struct treesync *s, unsigned depth, struct err *err)
{
	int r;

	if (depth == PATH_DEPTH_MAX)
		return err_say(err, ELOOP, "more than %d directories deep", PATH_DEPTH_MAX);
	r = copy_all(from, to, false, s, depth, err);
	r = r < 0 ? r : copy_all(from, to, true, s, depth, err);
	return r < 0 || !s->mirror ? r : remove_gone(from, to, s, err);
}

int treesync_dir(int from, int to, struct treesync *s, struct err *err)
{
	struct stat st, old;
	int r;

	s->entries = s->changes = 0;
	s->bytes = 0;
	r = s->entries_max || s->bytes_max ? count_dir(from, s, 0, err) : 0;
	r = r < 0 ? r : sync_dir(from, to, s, 0, err);
	if (r < 0 || s->keep_top)
		return r;
	r = sys_fstatat(from, "", &st, AT_EMPTY_PATH);
	r = r < 0 ? r : sys_fstatat(to, "", &old, AT_EMPTY_PATH);
	if (r == 0 && !has_same_face(&st, &old)) {
		s->changes++;
		r = set_face(to, &st);
	}
	return r < 0 ? fail(err, r, ".") : 0;
}
