/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

/* The tree: root/ is the container's, outside/ is what nobody may reach from it. */
static int setup(void **state)
{
	struct tempdir *dir;
	int root;

	if (tempdir_setup(state) < 0)
		return -1;
	dir = *state;
	(void)mkdirat(dir->fd, "root", 0755);
	(void)mkdirat(dir->fd, "outside", 0755);
	tempdir_write(dir, "outside/secret", "secret");
	root = openat(dir->fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)close(dir->fd);
	dir->fd = root;
	return 0;
}

static int root_of(void **state)
{
	return ((struct tempdir *)*state)->fd;
}

static bool is_same(int fd, int dirfd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dirfd, path, &b, 0) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool exists(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void nothing_leads_out_of_the_root(void **state)
{
	static const char *const paths[] = { "/../outside/secret", "../../outside/secret", "up/outside/secret", "abs",
		                             "a/../../../outside/secret" };
	int root = root_of(state), fd;

	(void)mkdirat(root, "a", 0755);
	(void)symlinkat("..", root, "up");
	(void)symlinkat(((struct tempdir *)*state)->path, root, "abs");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_int_equal(path_open_in(root, paths[i], 0), -ENOENT);
	fd = path_open_in(root, "a/../../..", O_DIRECTORY);
	assert_true(is_same(fd, root, "."));
	(void)fd_close(fd);
	fd = path_open_in(root, "/", 0);
	assert_true(is_same(fd, root, "."));
	(void)fd_close(fd);
	assert_int_equal(path_open_in(root, "", 0), -ENOENT);
}

static void magic_links_are_refused(void **state)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(path_open_in(proc, "self/exe", 0), -ELOOP);
	assert_int_equal(path_open_in(proc, "self/root/etc", 0), -ELOOP);
	(void)fd_close(proc);
}

static void make(int root, const char *path, const char *expected)
{
	struct err err = ERR_INIT;
	int fd = path_make_dirs_in(root, path, 0755, &err);

	if (fd < 0)
		fail_msg("'%s': %s", path, err.text);
	if (!is_same(fd, root, expected))
		fail_msg("'%s' is not '%s'", path, expected);
	(void)fd_close(fd);
}

static void directories_are_made_where_the_root_says(void **state)
{
	int root = root_of(state);

	(void)mkdirat(root, "real", 0755);
	(void)symlinkat("/real", root, "link");
	(void)symlinkat("../../../real", root, "uplink");
	make(root, "a/b/c", "a/b/c");
	make(root, "/a//b/./d/", "a/b/d");
	make(root, "link/x", "real/x");
	make(root, "uplink/y/z", "real/y/z");
	make(root, "../../outside/made", "outside/made");
	make(root, "new/../other", "other");
	make(root, "", ".");
	make(root, "/", ".");
	assert_true(exists(root, "new"));
	assert_false(exists(root, "../outside/made"));
}

static void what_cannot_be_made_is_named(void **state)
{
	int root = root_of(state);
	struct err err = ERR_INIT;
	char *deep = calloc(1, 3 * PATH_DEPTH_MAX + 16);

	tempdir_write(*state, "file", "");
	(void)symlinkat("/nowhere", root, "dangling");
	(void)symlinkat("loop", root, "loop");
	assert_int_equal(path_make_dirs_in(root, "a/../dangling", 0755, &err), -ENOENT);
	assert_string_equal(err.text, "make 'a/../dangling': it is a dangling symlink");
	assert_false(exists(root, "nowhere"));
	assert_int_equal(path_make_dirs_in(root, "dangling/below", 0755, &err), -ENOENT);
	assert_int_equal(path_make_dirs_in(root, "file/below", 0755, &err), -ENOTDIR);
	assert_string_equal(err.text, "make directory 'file': Not a directory");
	assert_int_equal(path_make_dirs_in(root, "loop", 0755, &err), -ELOOP);
	for (int i = 0; i <= PATH_DEPTH_MAX; i++)
		(void)strcat(deep, "/d");
	assert_int_equal(path_make_dirs_in(root, deep, 0755, &err), -ENAMETOOLONG);
	free(deep);
	deep = malloc(6000);
	memset(deep, 'x', 5999);
	deep[5999] = '\0';
	assert_int_equal(path_make_dirs_in(root, deep, 0755, NULL), -ENAMETOOLONG);
	free(deep);
}

static void files_are_made_once(void **state)
{
	int root = root_of(state), fd;
	struct err err = ERR_INIT;

	fd = path_make_file_in(root, "/etc/resolv.conf", 0644, &err);
	assert_true(is_same(fd, root, "etc/resolv.conf"));
	(void)fd_close(fd);
	tempdir_write(*state, "etc/hosts", "kept");
	(void)symlinkat("/etc/hosts", root, "hosts");
	fd = path_make_file_in(root, "hosts", 0644, &err);
	assert_true(is_same(fd, root, "etc/hosts"));
	(void)fd_close(fd);
	fd = path_make_file_in(root, "etc", 0644, &err); /* something is there: a directory */
	assert_true(is_same(fd, root, "etc"));
	(void)fd_close(fd);
	(void)symlinkat("../../outside/new", root, "escape");
	assert_int_equal(path_make_file_in(root, "escape", 0644, &err), -ENOENT);
	assert_string_equal(err.text, "make 'escape': it is a dangling symlink");
	assert_int_equal(path_make_file_in(root, "etc/", 0644, &err), -EINVAL);
}

static void the_parent_of_a_name(void **state)
{
	static const char *const bad[] = { "", "/", ".", "..", "a/", "a/.", "a/.." };
	int root = root_of(state), fd;
	const char *name = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(path_open_parent_in(root, bad[i], 0755, &name, &err), -EINVAL);
	fd = path_open_parent_in(root, "/x/y/z", 0755, &name, &err);
	assert_true(is_same(fd, root, "x/y"));
	assert_string_equal(name, "z");
	(void)fd_close(fd);
	fd = path_open_parent_in(root, "top", 0755, &name, &err);
	assert_true(is_same(fd, root, "."));
	assert_string_equal(name, "top");
	(void)fd_close(fd);
}

static void a_tree_goes_and_what_it_points_to_stays(void **state)
{
	int root = root_of(state);
	struct err err = ERR_INIT;

	make(root, "t/a/b", "t/a/b");
	make(root, "t/empty", "t/empty");
	tempdir_write(*state, "t/a/file", "x");
	(void)symlinkat("../../outside", root, "t/a/link");
	(void)symlinkat("../outside/secret", root, "t/link");
	(void)mkfifoat(root, "t/fifo", 0600);
	assert_int_equal(path_remove_tree(root, "t", &err), 0);
	assert_false(exists(root, "t"));
	assert_true(exists(root, "../outside/secret"));
	assert_int_equal(path_remove_tree(root, "t", &err), 0);
	(void)symlinkat("../outside", root, "link");
	assert_int_equal(path_remove_tree(root, "link", &err), 0);
	assert_true(exists(root, "../outside/secret"));
	tempdir_write(*state, "file", "x");
	assert_int_equal(path_remove_tree(root, "file", &err), 0);
	assert_false(exists(root, "file"));
}

static void a_tree_too_deep_goes_too(void **state)
{
	int root = root_of(state), fd = dup(root);
	struct err err = ERR_INIT;

	for (int i = 0; i < 2 * PATH_DEPTH_MAX + 10; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "deep", 0755), 0);
		next = openat(fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)fd_close(fd);
		fd = next;
	}
	(void)fd_close(fd);
	if (path_remove_tree(root, "deep", &err) < 0)
		fail_msg("%s", err.text);
	assert_false(exists(root, "deep"));
}

static void a_mount_is_not_crossed(void **state)
{
	int top = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;

	(void)state;
	/* Nothing can be removed in proc: if the guard fails, the test does and no more. */
	assert_int_equal(path_remove_tree(top, "proc", &err), -EXDEV);
	assert_non_null(strstr(err.text, "'proc'"));
	(void)fd_close(top);
}

static void clean_paths(void **state)
{
	static const struct {
		const char *path;
		bool clean;
	} rows[] = {
		{ "/", true },      { "/a/b", true },     { "/a//b/", true },   { "/..a/b..", true },
		{ "/a/...", true }, { "", false },        { "a", false },       { "..", false },
		{ "/..", false },   { "/a/../b", false }, { "/a/b/..", false }, { NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(path_is_clean(rows[i].path), rows[i].clean);
}

int test_path(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_leads_out_of_the_root, setup, tempdir_teardown),
		cmocka_unit_test(magic_links_are_refused),
		cmocka_unit_test_setup_teardown(directories_are_made_where_the_root_says, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_made_is_named, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(files_are_made_once, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(the_parent_of_a_name, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_tree_goes_and_what_it_points_to_stays, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_tree_too_deep_goes_too, setup, tempdir_teardown),
		cmocka_unit_test(a_mount_is_not_crossed),
		cmocka_unit_test(clean_paths),
	};

	return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
