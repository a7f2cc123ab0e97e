/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define SIZE (4 << 20)

static void put(int fd, off_t at, const char *bytes, size_t n)
{
	assert_int_equal(pwrite(fd, bytes, n, at), n);
}

static int make(const struct tempdir *dir, const char *name)
{
	int fd = openat(dir->fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	return fd;
}

static int find(const struct tempdir *dir, const char *name, char *ret, struct err *err)
{
	char path[128];

	*err = (struct err)ERR_INIT;
	(void)snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	return device_find_fstype(path, ret, err);
}

/* The least that libblkid takes for a squashfs, and for swap space. */
static void write_squashfs(int fd)
{
	char super[96] = "hsqs";

	super[28] = 4; /* version 4.0 */
	put(fd, 0, super, sizeof(super));
}

static void write_swap(int fd)
{
	put(fd, 4096 - 10, "SWAPSPACE2", 10);
	put(fd, 1024, "\1\0\0\0\377\3\0\0", 8);
}

static void types_are_told(void **state)
{
	const struct tempdir *dir = *state;
	char type[DEVICE_FSTYPE_MAX] = "", expected[256];
	int fd = make(dir, "disk");
	struct err err;

	assert_int_equal(find(dir, "disk", type, &err), -ENOENT);
	(void)snprintf(expected, sizeof(expected), "find out what is on '%s/disk': there is no file system", dir->path);
	assert_string_equal(err.text, expected);
	write_squashfs(fd);
	assert_int_equal(find(dir, "disk", type, &err), 0);
	assert_string_equal(type, "squashfs");
	write_swap(fd);
	assert_int_equal(find(dir, "disk", type, &err), -ENOTUNIQ);
	assert_non_null(strstr(err.text, "more than one file system fits"));
	(void)close(fd);
}

static void what_cannot_be_read_is_named(void **state)
{
	const struct tempdir *dir = *state;
	char type[DEVICE_FSTYPE_MAX];
	struct err err;

	assert_int_equal(find(dir, "none", type, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/none': No such file or directory"));
	assert_int_equal(find(dir, ".", type, &err), -EIO);
}

int test_content(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(types_are_told, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_named, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
