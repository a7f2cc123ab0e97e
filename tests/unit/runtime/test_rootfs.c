/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/forked.h"
#include "tests/lib/tempdir.h"

static void the_command_lines(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	char **v = rootfs_pack_args(&arena, "/sbin/mke2fs", false, "/b/rootfs", "/i", 10);
	char *line = arena_strdup(&arena, "");

	(void)state;
	for (size_t i = 0; v[i]; i++)
		line = arena_printf(&arena, "%s%s ", line, v[i]);
	assert_string_equal(line, "/sbin/mke2fs -q -t ext4 -F -m 0 -O ^has_journal -N 65556 -d /b/rootfs /i ");
	v = rootfs_pack_args(&arena, "/usr/bin/mkfs.erofs", true, "/b/rootfs", "/i", 10);
	assert_string_equal(v[2], "/i");
	assert_string_equal(v[3], "/b/rootfs");
	assert_null(v[4]);
}

static void a_directory_is_no_device(void **state)
{
	struct rootfs r = { .fd = -EBADF };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(rootfs_find_device("/", false, &r, &err) & ~1, 0);
	if (r.fd >= 0) {
		/* The machine's own root may be a device that is mounted read-only. */
		assert_true(r.read_only && r.is_device);
		(void)fd_close(r.fd);
	}
	assert_int_equal(rootfs_find_device("/proc/self", false, &r, &err), 0);
	assert_int_equal(rootfs_find_device("/no/such/root", false, &r, &err), -ENOENT);
	assert_non_null(strstr(err.text, "find the root file system '/no/such/root'"));
	assert_int_equal(rootfs_find_device("/etc/passwd", false, &r, &err), -ENOTDIR);
	assert_string_equal(err.text, "find the root file system '/etc/passwd': Not a directory");
}

/* What is below another mount is that one's affair, and a link does not lead out. */
static void mount_points_are_looked_for(void **state)
{
	static const struct {
		const char *first, *second;
		bool expected;
	} rows[] = {
		{ "/data", NULL, true },         { "/none", NULL, false },        { "/data", "/data/x", true },
		{ "/data", "/database", false }, { "/up/data", NULL, true },      { "/out", NULL, false },
		{ "/", "/none", false },         { "/data/../data", NULL, true },
	};
	const struct tempdir *dir = *state;
	_autofree_ char *data = NULL, *up = NULL, *out = NULL;

	assert_true(asprintf(&data, "%s/data", dir->path) > 0 && asprintf(&up, "%s/up", dir->path) > 0 &&
	            asprintf(&out, "%s/out", dir->path) > 0);
	assert_true(mkdir(data, 0700) == 0 && symlink("/", up) == 0 && symlink("/etc/passwd", out) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_mount mounts[] = { { .destination = (char *)rows[i].first },
			                      { .destination = (char *)rows[i].second } };
		const struct oci_spec spec = { .mounts = mounts, .n_mounts = rows[i].second ? 2 : 1 };

		if (rootfs_has_mount_points(dir->path, &spec) != rows[i].expected)
			fail_msg("row %zu", i);
	}
	assert_false(rootfs_has_mount_points("/no/such/root", &(const struct oci_spec){ .mounts = NULL }));
}

#define WORLD "/tmp"
#define DISK                                                                                                           \
	"/dev/.." WORLD "/disk" /* a tmpfs may say that it is on anything; no machine has a driver for this one        \
	                         */

static int found(const char *path, struct err *err)
{
	struct rootfs r = { .fd = -EBADF };

	return rootfs_find_device(path, true, &r, err);
}

/* In a mount namespace of the test's own, whose table says that a file system is on a disk. */
static int look_at_parts(void)
{
	struct err err = ERR_INIT;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("world", WORLD, "tmpfs", 0, NULL) < 0 || mknod(WORLD "/disk", S_IFBLK | 0600, makedev(4000, 1)) < 0 ||
	    mkdir(WORLD "/whole", 0700) < 0 || mkdir(WORLD "/part", 0700) < 0 ||
	    mount(DISK, WORLD "/whole", "tmpfs", 0, NULL) < 0 || mkdir(WORLD "/whole/image", 0700) < 0)
		return 1;
	if (found(WORLD "/whole", &err) != 0)
		return 2; /* the host writes to it */
	if (mount(NULL, WORLD "/whole", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0 ||
	    mount(WORLD "/whole/image", WORLD "/part", NULL, MS_BIND, NULL) < 0)
		return 3;
	if (found(WORLD "/whole", &err) >= 0 || !strstr(err.text, DISK))
		return 4; /* would be given to the guest */
	return found(WORLD "/part", &err) == 0 && found(WORLD "/whole/image", &err) == 0 ? 0 : 5;
}

/* CVE-2026-24054: an image without layers is a bind mount of a directory, and the table says which disk that is on. */
static void a_directory_of_a_disk_is_not_the_disk(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(forked_run(look_at_parts), 0);
}

static void what_cannot_be_packed_is_named(void **state)
{
	struct rootfs r = { .fd = -EBADF };
	struct err err = ERR_INIT;
	int rc = rootfs_pack("/no/such/root", false, &r, &err);

	(void)state;
	assert_true(rc < 0);
	assert_non_null(strstr(err.text, "'/no/such/root'"));
	assert_int_equal(r.fd, -EBADF);
}

int test_rootfs(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_lines),
		cmocka_unit_test_setup_teardown(mount_points_are_looked_for, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(a_directory_is_no_device),
		cmocka_unit_test(a_directory_of_a_disk_is_not_the_disk),
		cmocka_unit_test(what_cannot_be_packed_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
