/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

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
		cmocka_unit_test(a_directory_is_no_device),
		cmocka_unit_test(what_cannot_be_packed_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
