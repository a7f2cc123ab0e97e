/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/copyfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define NOBODY ((uid_t)-1)

/* The copies go below "share" of the directory; beside it lies "outside", which must never change. */
struct scene {
	struct tempdir *dir;
	char root[96];
	mode_t mask;
};

static int setup(void **state)
{
	struct scene *s = test_calloc(1, sizeof(*s));
	void *dir;

	assert_int_equal(tempdir_setup(&dir), 0);
	s->dir = dir;
	s->mask = umask(022);
	(void)snprintf(s->root, sizeof(s->root), "%s/share", s->dir->path);
	assert_int_equal(mkdirat(s->dir->fd, "outside", 0755), 0);
	tempdir_write(s->dir, "outside/secret", "untouched");
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	_autofree_ char *secret = NULL;
	void *dir = s->dir;
	int r = fd_read_file_at(s->dir->fd, "outside/secret", 100, &secret, NULL);

	assert_int_equal(r, 0);
	assert_string_equal(secret, "untouched");
	/* It is the only thing there: nothing was made outside. */
	assert_int_equal(unlinkat(s->dir->fd, "outside/secret", 0), 0);
	assert_int_equal(unlinkat(s->dir->fd, "outside", AT_REMOVEDIR), 0);
	(void)umask(s->mask);
	test_free(s);
	return tempdir_teardown(&dir);
}

static char text[1200]; /* of the last error */

/* name is below the root; the file's content is all of `data` from the offset on. */
static int copy(const struct scene *s, const char *name, uint32_t mode, const char *data, int64_t offset, int64_t size)
{
	char path[512];
	struct copyfile file = {
		.path = path,
		.mode = mode,
		.dir_mode = 0750,
		.size = size,
		.offset = offset,
		.uid = NOBODY,
		.gid = NOBODY,
		.data = data,
		.len = strlen(data),
	};
	struct err err = ERR_INIT;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", s->root, name);
	r = copyfile_apply(s->root, &file, &err);
	(void)snprintf(text, sizeof(text), "%s", err.text);
	if (r < 0)
		assert_non_null(strstr(text, path));
	return r;
}

static int copy_whole(const struct scene *s, const char *name, const char *data)
{
	return copy(s, name, S_IFREG | 0644, data, 0, (int64_t)strlen(data));
}

static struct stat look(const struct scene *s, const char *name)
{
	char path[512];
	struct stat st = { 0 };

	(void)snprintf(path, sizeof(path), "share/%s", name);
	if (fstatat(s->dir->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		st.st_mode = 0;
	return st;
}

static void assert_content(const struct scene *s, const char *name, const char *want)
{
	_autofree_ char *content = NULL;
	char path[512];

	(void)snprintf(path, sizeof(path), "share/%s", name);
	assert_int_equal(fd_read_file_at(s->dir->fd, path, 4096, &content, NULL), 0);
	assert_string_equal(content, want);
}

static int count_entries(const struct scene *s, const char *name)
{
	char path[512];
	struct dirent **list;
	int n;

	(void)snprintf(path, sizeof(path), "%s/%s", s->root, name);
	n = scandir(path, &list, NULL, NULL);
	for (int i = 0; i < n; i++)
		free(list[i]);
	if (n >= 0)
		free(list);
	return n - 2;
}

static void a_file_is_copied(void **state)
{
	const struct scene *s = *state;

	assert_int_equal(copy(s, "vol/dir/file", S_IFREG | 04755, "hello", 0, 5), 0);
	assert_content(s, "vol/dir/file", "hello");
	assert_int_equal(look(s, "vol/dir/file").st_mode, S_IFREG | 04755);
	assert_int_equal(look(s, "vol/dir").st_mode, S_IFDIR | 0750);
	assert_int_equal(copy(s, "empty", 0600, "", 0, 0), 0);
	assert_int_equal(look(s, "empty").st_mode, S_IFREG | 0600);
}

/* Nobody sees half a file, and the old one is there until the new one is whole. */
static void chunks_gather(void **state)
{
	const struct scene *s = *state;

	assert_int_equal(copy_whole(s, "file", "old"), 0);
	assert_int_equal(copy(s, "file", S_IFREG | 0640, "hel", 0, 7), 0);
	assert_content(s, "file", "old");
	assert_int_equal(copy(s, "file", S_IFREG | 0640, "lo", 3, 7), 0);
	assert_int_equal(copy(s, "file", S_IFREG | 0640, "lo", 3, 7), 0); /* told twice */
	assert_int_equal(copy(s, "other", S_IFREG | 0640, "x", 0, 2), 0);
	assert_content(s, "file", "old");
	assert_int_equal(copy(s, "file", S_IFREG | 0640, "!!", 5, 7), 0);
	assert_content(s, "file", "hello!!");
	assert_int_equal(look(s, "file").st_mode, S_IFREG | 0640);
	assert_int_equal(count_entries(s, ""), 2); /* and what has come of "other" */
}

static void chunks_have_to_fit(void **state)
{
	const struct scene *s = *state;
	static const struct {
		const char *data;
		int64_t offset, size;
		int r;
		const char *text;
	} rows[] = {
		{ "abc", 0, 2, -EINVAL, "3 bytes at 0 do not fit into a file of 2" },
		{ "abc", 3, 5, -EINVAL, "3 bytes at 3 do not fit into a file of 5" },
		{ "a", -1, 5, -EINVAL, "1 bytes at -1 do not fit into a file of 5" },
		{ "a", 0, -5, -EINVAL, "1 bytes at 0 do not fit into a file of -5" },
		{ "a", INT64_MAX, INT64_MAX, -EINVAL, "do not fit" },
		{ "a", 2, 5, -ENOENT, "find what came before: No such file or directory" },
		{ "a", 0, 5, 0, "" },
		{ "c", 2, 5, -EINVAL, "a chunk at 2 of 5 bytes, but 1 came before" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(copy(s, "file", S_IFREG | 0644, rows[i].data, rows[i].offset, rows[i].size),
		                 rows[i].r);
		assert_non_null(strstr(text, rows[i].text));
	}
	assert_int_equal(look(s, "file").st_mode, 0);
}

static void long_names_work(void **state)
{
	const struct scene *s = *state;
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	assert_int_equal(copy_whole(s, name, "x"), 0);
	assert_content(s, name, "x");
}

static void a_directory_is_copied(void **state)
{
	const struct scene *s = *state;

	assert_int_equal(copy(s, "dir", S_IFDIR | 01777, "", 0, 0), 0);
	assert_int_equal(look(s, "dir").st_mode, S_IFDIR | 01777);
	assert_int_equal(copy_whole(s, "dir/file", "kept"), 0);
	/* One that is there keeps what is in it; anything else gives way. */
	assert_int_equal(copy(s, "dir/", S_IFDIR | 0700, "", 0, 0), 0);
	assert_int_equal(look(s, "dir").st_mode, S_IFDIR | 0700);
	assert_content(s, "dir/file", "kept");
	assert_int_equal(copy(s, "dir/file", S_IFDIR | 0755, "", 0, 0), 0);
	assert_int_equal(look(s, "dir/file").st_mode, S_IFDIR | 0755);
}

static void a_symlink_is_copied(void **state)
{
	const struct scene *s = *state;
	char target[16] = { 0 };

	assert_int_equal(copy(s, "link", S_IFLNK | 0777, "../outside", 0, 0), 0);
	assert_int_equal(readlinkat(s->dir->fd, "share/link", target, sizeof(target)), 10);
	assert_string_equal(target, "../outside");
	assert_int_equal(copy_whole(s, "tree/of/files", "x"), 0);
	assert_int_equal(copy(s, "tree", S_IFLNK | 0777, "link", 0, 0), 0);
	assert_true(S_ISLNK(look(s, "tree").st_mode));
	assert_int_equal(copy(s, "none", S_IFLNK | 0777, "", 0, 0), -EINVAL);
	assert_non_null(strstr(text, "0 bytes make no target of a symlink"));
}

static void kinds_replace_each_other(void **state)
{
	const struct scene *s = *state;

	assert_int_equal(copy_whole(s, "a/deep/tree", "x"), 0);
	assert_int_equal(copy_whole(s, "a", "file"), 0);
	assert_content(s, "a", "file");
	assert_int_equal(copy(s, "a", S_IFLNK | 0777, "elsewhere", 0, 0), 0);
	assert_int_equal(copy(s, "a", S_IFDIR | 0755, "", 0, 0), 0);
	assert_int_equal(look(s, "a").st_mode, S_IFDIR | 0755);
	assert_int_equal(copy(s, "fifo", S_IFIFO | 0644, "", 0, 0), -EINVAL);
	assert_non_null(strstr(text, "files of type 010000 are not copied"));
	assert_int_equal(copy(s, "socket", S_IFSOCK | 0644, "", 0, 0), -EINVAL);
	assert_int_equal(copy(s, "disk", S_IFBLK | 0644, "", 0, 0), -EINVAL);
	assert_int_equal(count_entries(s, ""), 1);
}

static void owners_are_given(void **state)
{
	const struct scene *s = *state;
	char path[512];
	struct copyfile file = { .path = path, .mode = S_IFREG | 06755, .dir_mode = 0755, .uid = 12, .gid = 34 };
	struct err err = ERR_INIT;

	if (geteuid() != 0)
		skip();
	(void)snprintf(path, sizeof(path), "%s/above/below/file", s->root);
	assert_int_equal(copyfile_apply(s->root, &file, &err), 0);
	assert_int_equal(look(s, "above/below/file").st_uid, 12);
	assert_int_equal(look(s, "above/below/file").st_gid, 34);
	assert_int_equal(look(s, "above/below/file").st_mode, S_IFREG | 06755);
	assert_int_equal(look(s, "above/below").st_uid, 12); /* was made for it */
	assert_int_equal(look(s, "above").st_uid, 0);
	file.uid = NOBODY;
	file.gid = 35;
	assert_int_equal(copyfile_apply(s->root, &file, &err), 0);
	assert_int_equal(look(s, "above/below/file").st_uid, 0);
	assert_int_equal(look(s, "above/below/file").st_gid, 35);
	assert_int_equal(look(s, "above/below").st_gid, 34); /* was there */
	file.mode = S_IFLNK | 0777;
	file.data = "/outside";
	file.len = 8;
	assert_int_equal(copyfile_apply(s->root, &file, &err), 0);
	assert_int_equal(look(s, "above/below/file").st_gid, 35);
}

static void paths_outside_are_refused(void **state)
{
	const struct scene *s = *state;
	static const char *const tails[] = { "",    "/",        "//", "/../outside/secret", "/a/../../outside/secret",
		                             "/..", "-not/file" };
	char path[512];
	struct copyfile file = { .path = path, .mode = S_IFREG | 0644, .dir_mode = 0755, .uid = NOBODY, .gid = NOBODY };

	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		struct err err = ERR_INIT;

		(void)snprintf(path, sizeof(path), "%s%s", s->root, tails[i]);
		assert_int_equal(copyfile_apply(s->root, &file, &err), -EINVAL);
		assert_non_null(strstr(err.text, path));
	}
	for (size_t i = 0; i < 2; i++) {
		struct err err = ERR_INIT;

		(void)snprintf(path, sizeof(path), "%s", i ? "" : "share/file");
		assert_int_equal(copyfile_apply(s->root, &file, &err), -EINVAL);
	}
	assert_int_equal(copy_whole(s, "a/.", "x"), -EINVAL);
}

static void link_at(const struct scene *s, const char *target, const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "share/%s", name);
	assert_int_equal(symlinkat(target, s->dir->fd, path), 0);
}

/* A container owns what is below the share, and waits for the host to write through what it has put there. */
static void symlinks_lead_nowhere_outside(void **state)
{
	const struct scene *s = *state;
	char outside[128];

	(void)snprintf(outside, sizeof(outside), "%s/outside", s->dir->path);
	assert_int_equal(copy(s, "vol", S_IFDIR | 0777, "", 0, 0), 0);
	link_at(s, outside, "vol/absolute");
	link_at(s, "../../outside", "vol/relative");
	link_at(s, "../../../../../../../../..", "vol/top");
	link_at(s, "/proc/self/root", "vol/magic");
	link_at(s, "../../outside/secret", "vol/file");
	link_at(s, "../../outside/secret", "vol/dir");
	/* As a directory on the way: outside does not exist inside, so it is a dangling symlink, or means the root. */
	assert_true(copy_whole(s, "vol/absolute/secret", "bad") < 0);
	assert_true(copy_whole(s, "vol/relative/secret", "bad") < 0);
	assert_true(copy_whole(s, "vol/magic/tmp/x", "bad") < 0);
	assert_int_equal(copy_whole(s, "vol/top/caught", "inside"), 0);
	assert_content(s, "caught", "inside");
	/* As the target itself: replaced, never followed. */
	assert_int_equal(copy_whole(s, "vol/file", "new"), 0);
	assert_int_equal(look(s, "vol/file").st_mode, S_IFREG | 0644);
	assert_int_equal(copy(s, "vol/dir", S_IFDIR | 0755, "", 0, 0), 0);
	assert_int_equal(look(s, "vol/dir").st_mode, S_IFDIR | 0755);
	assert_int_equal(copy(s, "vol/absolute", S_IFDIR | 0711, "", 0, 0), 0);
	assert_int_equal(look(s, "vol/absolute").st_mode, S_IFDIR | 0711);
}

/* The hidden file is no secret. What is in its place, by whatever name, is not written to. */
static void hidden_files_are_not_trusted(void **state)
{
	const struct scene *s = *state;
	struct dirent **list;
	char hidden[600], outside[128];
	int n;

	(void)snprintf(outside, sizeof(outside), "%s/outside/secret", s->dir->path);
	assert_int_equal(copy(s, "vol/file", S_IFREG | 0644, "a", 0, 2), 0);
	(void)snprintf(hidden, sizeof(hidden), "%s/vol", s->root);
	n = scandir(hidden, &list, NULL, alphasort);
	assert_int_equal(n, 3);
	(void)snprintf(hidden, sizeof(hidden), "%s/vol/%s", s->root, list[2]->d_name);
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	assert_int_equal(unlink(hidden), 0);
	assert_int_equal(symlink(outside, hidden), 0);
	assert_int_equal(copy(s, "vol/file", S_IFREG | 0644, "b", 1, 2), -ELOOP);
	assert_int_equal(unlink(hidden), 0);
	assert_int_equal(link(outside, hidden), 0);
	assert_int_equal(copy(s, "vol/file", S_IFREG | 0644, "b", 1, 2), -EINVAL);
	assert_non_null(strstr(text, "what came before is not ours"));
	assert_int_equal(unlink(hidden), 0);
	assert_int_equal(mkfifo(hidden, 0666), 0);
	assert_int_equal(copy(s, "vol/file", S_IFREG | 0644, "b", 1, 2), -ENXIO);
	assert_int_equal(unlink(hidden), 0);
	assert_int_equal(symlink(outside, hidden), 0);
	assert_int_equal(copy_whole(s, "vol/file", "ab"), 0);
	assert_content(s, "vol/file", "ab");
	assert_int_equal(count_entries(s, "vol"), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int test_copyfile(void)
{
	const struct CMUnitTest tests[] = {
		T(a_file_is_copied),
		T(chunks_gather),
		T(chunks_have_to_fit),
		T(long_names_work),
		T(a_directory_is_copied),
		T(a_symlink_is_copied),
		T(kinds_replace_each_other),
		T(owners_are_given),
		T(paths_outside_are_refused),
		T(symlinks_lead_nowhere_outside),
		T(hidden_files_are_not_trusted),
	};

	return cmocka_run_group_tests_name("copyfile", tests, NULL, NULL);
}
