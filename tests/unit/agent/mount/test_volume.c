/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/volume.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static void usage_is_that_of_the_file_system(void **state)
{
	const struct tempdir *dir = *state;
	struct volume_usage u;
	struct err err = ERR_INIT;
	struct statfs st;

	assert_int_equal(volume_usage(dir->path, &u, &err), 0);
	assert_int_equal(statfs(dir->path, &st), 0);
	assert_int_equal(u.bytes.total, st.f_blocks * (uint64_t)st.f_bsize);
	assert_int_equal(u.bytes.total, u.bytes.used + u.bytes.available);
	assert_int_equal(u.inodes.total, st.f_files);
	assert_int_equal(u.inodes.total, u.inodes.used + u.inodes.available);
	assert_true(u.bytes.available > 0);
}

static void bad_paths_are_named(void **state)
{
	static const struct {
		const char *path;
		int r;
		const char *text;
	} rows[] = {
		{ "/no/such/volume", -ENOENT, "volume '/no/such/volume': No such file or directory" },
		{ "relative", -EINVAL, "volume 'relative': the path must be absolute, without '..'" },
		{ "", -EINVAL, "volume '': the path must be absolute, without '..'" },
		{ "/tmp/../etc", -EINVAL, "volume '/tmp/../etc': the path must be absolute, without '..'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct volume_usage u;
		struct err err = ERR_INIT;

		assert_int_equal(volume_usage(rows[i].path, &u, &err), rows[i].r);
		assert_string_equal(err.text, rows[i].text);
	}
}

/* "/share-not" is not below "/share"; what is gone counts too. */
static void mounts_below_are_asked(void **state)
{
	const struct tempdir *dir = *state;
	char path[128];
	struct err err = ERR_INIT;

	tempdir_write(dir, "mountinfo",
	              "20 1 0:20 / / rw - tmpfs tmpfs rw\n"
	              "21 20 0:21 / /share rw - virtiofs kataShared rw\n"
	              "22 21 0:21 /a /share/a/rootfs rw - virtiofs kataShared rw\n"
	              "23 20 0:21 /a /share-not/a rw - virtiofs kataShared rw\n");
	(void)snprintf(path, sizeof(path), "%s/mountinfo", dir->path);
	assert_int_equal(volume_touch_below(path, "/share", &err), 2);
	assert_int_equal(volume_touch_below(path, "/none", &err), 0);
	(void)snprintf(path, sizeof(path), "%s/nothing", dir->path);
	assert_int_equal(volume_touch_below(path, "/share", &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
}

int test_volume(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(usage_is_that_of_the_file_system, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(bad_paths_are_named),
		cmocka_unit_test_setup_teardown(mounts_below_are_asked, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("volume", tests, NULL, NULL);
}
