/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mountinfo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static const char sample[] = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
			     "22 21 0:21 / /proc rw,nosuid - proc proc rw\n"
			     "23 21 0:30 /sub/dir /mnt/with\\040space ro master:3 - tmpfs none rw,size=4k\n"
			     "24 23 0:31 / /mnt/with\\040space rw - overlay overlay rw,lowerdir=/a:/b\n";

static int describe(const struct mountinfo_entry *e, void *arg)
{
	return buf_printf(arg, "%d %s %s %s %s %s%s\n", e->id, e->target, e->fstype, e->source, e->root, e->fs_options,
	                  e->is_shared ? " shared" : "");
}

static int stop_at_proc(const struct mountinfo_entry *e, void *arg)
{
	(*(int *)arg)++;
	return strcmp(e->fstype, "proc") == 0 ? 42 : 0;
}

static const char *file_with(void **state, const char *text)
{
	static char path[128];
	const struct tempdir *dir = *state;

	tempdir_write(dir, "mountinfo", text);
	(void)snprintf(path, sizeof(path), "%s/mountinfo", dir->path);
	return path;
}

static void entries_come_in_order_and_decoded(void **state)
{
	_autobuf_ struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(mountinfo_walk(file_with(state, sample), describe, &b, &err), 0);
	assert_string_equal(buf_str(&b), "21 / ext4 /dev/sda1 / rw,errors=remount-ro shared\n"
	                                 "22 /proc proc proc / rw\n"
	                                 "23 /mnt/with space tmpfs none /sub/dir rw,size=4k\n"
	                                 "24 /mnt/with space overlay overlay / rw,lowerdir=/a:/b\n");
}

static void the_visitor_can_stop(void **state)
{
	int calls = 0;

	assert_int_equal(mountinfo_walk(file_with(state, sample), stop_at_proc, &calls, NULL), 42);
	assert_int_equal(calls, 2);
}

static void an_empty_table_has_no_entries(void **state)
{
	int calls = 0;

	assert_int_equal(mountinfo_walk(file_with(state, ""), stop_at_proc, &calls, NULL), 0);
	assert_int_equal(calls, 0);
}

static void unreadable_tables_are_errors(void **state)
{
	struct err err = ERR_INIT;
	int calls = 0;

	assert_int_equal(mountinfo_walk("/no/such/file", stop_at_proc, &calls, &err), -ENOENT);
	assert_string_equal(err.text, "read the mount table '/no/such/file': No such file or directory");
	assert_true(mountinfo_walk(file_with(state, "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n22 21 nonsense\n"),
	                           stop_at_proc, &calls, &err) < 0);
}

/* Names that the kernel has to write in octal, an empty source, and what only looks like an escape. */
static void odd_names_are_whole(void **state)
{
	char odd[] = "7 1 0:5 /a\\134b /tab\\011nl\\012hash\\043 rw shared:1 master:2 propagate_from:3 unbindable - "
		     "tmpfs  rw,x=\\04\n"
		     "8 1 0:5 / /- rw - fuse.x a\\040b ro";
	_autobuf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(mountinfo_parse(odd, describe, &b), 0);
	assert_string_equal(buf_str(&b), "7 /tab\tnl\nhash# tmpfs  /a\\b rw,x=\\04 shared\n8 /- fuse.x a b / ro\n");
}

static void lines_that_are_cut_short_are_refused(void **state)
{
	static const char line[] = "21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw";
	int calls = 0;

	(void)state;
	for (size_t n = 1; n < sizeof(line) - 3; n++) {
		char cut[sizeof(line)] = "";

		memcpy(cut, line, n);
		assert_int_equal(mountinfo_parse(cut, stop_at_proc, &calls), -EINVAL);
	}
	assert_int_equal(calls, 0);
	assert_int_equal(mountinfo_parse((char[]){ "x1 1 8:1 / / rw - a b c" }, stop_at_proc, &calls), -EINVAL);
	assert_int_equal(mountinfo_parse((char[]){ "\n" }, stop_at_proc, &calls), -EINVAL);
}

static void our_own_mounts(void **state)
{
	int all = mountinfo_count("/");

	(void)state;
	assert_true(mountinfo_is_mounted("/proc", "proc"));
	assert_true(mountinfo_is_mounted("/proc", NULL));
	assert_false(mountinfo_is_mounted("/proc", "tmpfs"));
	assert_false(mountinfo_is_mounted("/pro", NULL));
	assert_true(all >= 2);
	assert_true(mountinfo_count("/proc") >= 1);
	assert_true(mountinfo_count("/proc") < all);
	assert_int_equal(mountinfo_count("/proc/"), mountinfo_count("/proc"));
	assert_int_equal(mountinfo_count("/pro"), 0);
}

int test_mountinfo(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entries_come_in_order_and_decoded, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(the_visitor_can_stop, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(an_empty_table_has_no_entries, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(unreadable_tables_are_errors, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(odd_names_are_whole),
		cmocka_unit_test(lines_that_are_cut_short_are_refused),
		cmocka_unit_test(our_own_mounts),
	};

	return cmocka_run_group_tests_name("mountinfo", tests, NULL, NULL);
}
