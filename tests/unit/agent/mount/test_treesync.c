/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/treesync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

struct trees {
	struct tempdir *dir;
	int from, to;
};

static int setup(void **state)
{
	struct trees *t = test_calloc(1, sizeof(*t));
	void *dir;

	assert_int_equal(tempdir_setup(&dir), 0);
	t->dir = dir;
	assert_int_equal(mkdirat(t->dir->fd, "from", 0755), 0);
	assert_int_equal(mkdirat(t->dir->fd, "to", 0755), 0);
	t->from = openat(t->dir->fd, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->to = openat(t->dir->fd, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->from >= 0 && t->to >= 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct trees *t = *state;
	void *dir = t->dir;

	(void)close(t->from);
	(void)close(t->to);
	assert_int_equal(tempdir_teardown(&dir), 0);
	test_free(t);
	return 0;
}

static int sync_mirror(const struct trees *t, unsigned *ret_changes)
{
	struct treesync s = { .mirror = true };
	struct err err = ERR_INIT;
	int r = treesync_dir(t->from, t->to, &s, &err);

	*ret_changes = s.changes;
	return r;
}

static void assert_content(int dir, const char *name, const char *text)
{
	char buf[64] = "";
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, buf, sizeof(buf) - 1) >= 0);
	(void)close(fd);
	assert_string_equal(buf, text);
}

static void assert_gone(int dir, const char *name)
{
	struct stat st;

	assert_true(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT);
}

static void a_tree_is_copied_once(void **state)
{
	const struct timespec times[2] = { { 0, 0 }, { 12345, 678 } };
	const struct trees *t = *state;
	struct stat st;
	unsigned changes;

	tempdir_write(t->dir, "from/a", "one");
	assert_int_equal(mkdirat(t->from, "d", 0750), 0);
	tempdir_write(t->dir, "from/d/b", "two");
	assert_int_equal(symlinkat("/nowhere", t->from, "link"), 0);
	assert_int_equal(mkfifoat(t->from, "fifo", 0600), 0);
	assert_int_equal(fchmodat(t->from, "a", 0640, 0), 0);
	assert_int_equal(utimensat(t->from, "a", times, 0), 0);
	assert_int_equal(sync_mirror(t, &changes), 0);
	assert_content(t->to, "a", "one");
	assert_content(t->to, "d/b", "two");
	assert_int_equal(fstatat(t->to, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(st.st_mtim.tv_sec == 12345 && st.st_mtim.tv_nsec == 678);
	assert_int_equal(fstatat(t->to, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(fstatat(t->to, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_gone(t->to, "fifo");
	assert_int_equal(sync_mirror(t, &changes), 0);
	assert_int_equal(changes, 0);
}

static void what_changes_is_followed(void **state)
{
	const struct trees *t = *state;
	unsigned changes;

	tempdir_write(t->dir, "from/a", "one");
	tempdir_write(t->dir, "from/gone", "x");
	assert_int_equal(mkdirat(t->from, "d", 0755), 0);
	tempdir_write(t->dir, "from/d/b", "two");
	assert_int_equal(symlinkat("a", t->from, "l"), 0);
	assert_int_equal(sync_mirror(t, &changes), 0);
	tempdir_write(t->dir, "from/a", "changed");
	assert_int_equal(unlinkat(t->from, "gone", 0), 0);
	assert_int_equal(unlinkat(t->from, "l", 0), 0);
	assert_int_equal(symlinkat("d", t->from, "l"), 0);
	/* A directory becomes a file. */
	assert_int_equal(unlinkat(t->from, "d/b", 0), 0);
	assert_int_equal(unlinkat(t->from, "d", AT_REMOVEDIR), 0);
	tempdir_write(t->dir, "from/d", "file now");
	assert_int_equal(sync_mirror(t, &changes), 0);
	assert_int_equal(changes, 4);
	assert_content(t->to, "a", "changed");
	assert_content(t->to, "d", "file now");
	assert_content(t->to, "l", "file now");
	assert_gone(t->to, "gone");
}

/* What lies in the copy may be anything: it is replaced, and nothing is written through it. */
static void a_symlink_in_the_copy_is_not_followed(void **state)
{
	const struct trees *t = *state;
	unsigned changes;

	tempdir_write(t->dir, "precious", "keep");
	tempdir_write(t->dir, "from/a", "new");
	assert_int_equal(mkdirat(t->from, "d", 0755), 0);
	tempdir_write(t->dir, "from/d/precious", "evil");
	assert_int_equal(symlinkat("../precious", t->to, "a"), 0);
	assert_int_equal(symlinkat("..", t->to, "d"), 0);
	assert_int_equal(sync_mirror(t, &changes), 0);
	assert_content(t->dir->fd, "precious", "keep");
	assert_content(t->to, "a", "new");
	assert_content(t->to, "d/precious", "evil");
}

static void without_mirror_nothing_goes(void **state)
{
	struct treesync s = { 0 };
	const struct trees *t = *state;
	struct err err = ERR_INIT;

	tempdir_write(t->dir, "from/a", "one");
	tempdir_write(t->dir, "to/own", "own");
	assert_int_equal(treesync_dir(t->from, t->to, &s, &err), 0);
	assert_content(t->to, "own", "own");
	assert_content(t->to, "a", "one");
}

static void limits_are_exact(void **state)
{
	struct treesync s = { .entries_max = 2, .bytes_max = 6, .mirror = true };
	const struct trees *t = *state;
	struct err err = ERR_INIT;

	tempdir_write(t->dir, "from/a", "one");
	tempdir_write(t->dir, "from/b", "two");
	assert_int_equal(treesync_dir(t->from, t->to, &s, &err), 0);
	assert_true(s.entries == 2 && s.bytes == 6);
	tempdir_write(t->dir, "from/b", "four");
	assert_int_equal(treesync_dir(t->from, t->to, &s, &err), -EFBIG);
	assert_content(t->to, "b", "two");
	tempdir_write(t->dir, "from/b", "two");
	assert_int_equal(symlinkat("a", t->from, "c"), 0);
	assert_int_equal(treesync_dir(t->from, t->to, &s, &err), -E2BIG);
	assert_gone(t->to, "c");
}

static void a_file_is_overwritten_in_place(void **state)
{
	struct treesync s = { .bytes_max = 10 };
	const struct trees *t = *state;
	struct err err = ERR_INIT;
	struct stat before, after;
	int from, to;

	tempdir_write(t->dir, "from/a", "longer");
	tempdir_write(t->dir, "to/a", "x");
	assert_int_equal(fstatat(t->to, "a", &before, 0), 0);
	from = openat(t->from, "a", O_RDONLY | O_CLOEXEC);
	to = openat(t->to, "a", O_RDWR | O_CLOEXEC);
	assert_int_equal(treesync_file(from, to, &s, &err), 0);
	assert_int_equal(s.changes, 1);
	assert_int_equal(fstatat(t->to, "a", &after, 0), 0);
	assert_true(before.st_ino == after.st_ino);
	assert_content(t->to, "a", "longer");
	s.changes = 0;
	assert_int_equal(treesync_file(from, to, &s, &err), 0);
	assert_int_equal(s.changes, 0);
	tempdir_write(t->dir, "from/a", "longer than it may be");
	assert_int_equal(treesync_file(from, to, &s, &err), -EFBIG);
	(void)close(from);
	(void)close(to);
}

int test_treesync(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_tree_is_copied_once, setup, teardown),
		cmocka_unit_test_setup_teardown(what_changes_is_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_symlink_in_the_copy_is_not_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(without_mirror_nothing_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_are_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_is_overwritten_in_place, setup, teardown),
	};

	return cmocka_run_group_tests_name("treesync", tests, NULL, NULL);
}
