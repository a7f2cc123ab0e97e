/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/dns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

/* One directory is both the sandbox's and the root; mounting is only written down. */
static struct {
	int open_tree_result, move_mount_result;
	unsigned moved;
	ino_t file, target, unmounted;
} fake;

static ino_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

int __wrap_sys_open_tree(int dirfd, const char *path, unsigned flags);
int __wrap_sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	assert_string_equal(path, "");
	assert_true(flags & AT_EMPTY_PATH);
	fake.file = inode(dirfd);
	return fake.open_tree_result < 0 ? fake.open_tree_result : dup(dirfd);
}

int __wrap_sys_move_mount(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags);
int __wrap_sys_move_mount(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
	assert_string_equal(from, "");
	assert_string_equal(to, "");
	assert_true(flags);
	assert_int_equal(inode(from_dirfd), fake.file);
	fake.target = inode(to_dirfd);
	fake.moved++;
	return fake.move_mount_result;
}

int __wrap_sys_umount2(const char *target, int flags);
int __wrap_sys_umount2(const char *target, int flags)
{
	struct stat st;

	assert_int_equal(flags, MNT_DETACH);
	assert_int_equal(stat(target, &st), 0);
	fake.unmounted = st.st_ino;
	return 0;
}

static ino_t inode_of(const struct tempdir *dir, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(dir->fd, path, &st, 0), 0);
	return st.st_ino;
}

static int install(const struct tempdir *dir, size_t n, char **lines, struct err *err)
{
	memset(&fake, 0, sizeof(fake));
	return net_dns_install(dir->fd, dir->fd, lines, n, err);
}

static char *two[] = { (char *)"  nameserver 10.0.0.1\t", (char *)"search a b\r\n" };

static void make_target(const struct tempdir *dir)
{
	assert_int_equal(mkdirat(dir->fd, "etc", 0755), 0);
	tempdir_write(dir, "etc/resolv.conf", "before");
}

static void installed_and_removed(void **state)
{
	const struct tempdir *dir = *state;
	_autofree_ char *text = NULL, *again = NULL;
	size_t len;

	make_target(dir);
	assert_int_equal(install(dir, 2, two, NULL), 1);
	assert_int_equal(fake.file, inode_of(dir, "sandbox/resolv.conf"));
	assert_int_equal(fake.target, inode_of(dir, "etc/resolv.conf"));
	assert_int_equal(fd_read_file_at(dir->fd, "sandbox/resolv.conf", 4096, &text, &len), 0);
	assert_string_equal(text, "nameserver 10.0.0.1\nsearch a b");
	/* Again, with less: a file of its own. */
	assert_int_equal(install(dir, 1, two, NULL), 1);
	assert_int_equal(fd_read_file_at(dir->fd, "sandbox/resolv.conf", 4096, &again, &len), 0);
	assert_string_equal(again, "nameserver 10.0.0.1");
	assert_int_equal(net_dns_remove(dir->fd, NULL), 0);
	assert_int_equal(fake.unmounted, inode_of(dir, "etc/resolv.conf"));
}

static void nothing_to_do(void **state)
{
	const struct tempdir *dir = *state;
	struct err err = ERR_INIT;

	assert_int_equal(install(dir, 0, NULL, &err), 0);
	assert_int_equal(faccessat(dir->fd, "sandbox", F_OK, 0), -1);
	/* A guest without the file. */
	assert_int_equal(install(dir, 2, two, &err), 0);
	assert_int_equal(fake.moved, 0);
	assert_int_equal(net_dns_remove(dir->fd, &err), -ENOENT);
	assert_string_equal(err.text, "open '/etc/resolv.conf': No such file or directory");
}

static void only_over_a_file(void **state)
{
	const struct tempdir *dir = *state;
	struct err err = ERR_INIT;

	assert_int_equal(mkdirat(dir->fd, "etc", 0755), 0);
	assert_int_equal(mkdirat(dir->fd, "etc/resolv.conf", 0755), 0);
	assert_int_equal(install(dir, 2, two, &err), -EINVAL);
	assert_string_equal(err.text, "'/etc/resolv.conf' is no regular file");
	assert_int_equal(fake.moved, 0);
}

/* What a container may have left where our file comes is not followed. */
static void left_overs_are_replaced(void **state)
{
	const struct tempdir *dir = *state;
	_autofree_ char *text = NULL;
	size_t len;

	make_target(dir);
	assert_int_equal(mkdirat(dir->fd, "sandbox", 0755), 0);
	tempdir_write(dir, "other", "precious");
	assert_int_equal(symlinkat("../other", dir->fd, "sandbox/resolv.conf"), 0);
	assert_int_equal(install(dir, 2, two, NULL), 1);
	assert_int_equal(fd_read_file_at(dir->fd, "other", 4096, &text, &len), 0);
	assert_string_equal(text, "precious");
}

static void failures_name_the_file(void **state)
{
	const struct tempdir *dir = *state;
	struct err err = ERR_INIT;

	make_target(dir);
	memset(&fake, 0, sizeof(fake));
	fake.open_tree_result = -EPERM;
	assert_int_equal(net_dns_install(dir->fd, dir->fd, two, 2, &err), -EPERM);
	assert_string_equal(err.text, "mount 'resolv.conf' on '/etc/resolv.conf': Operation not permitted");
	fake.open_tree_result = 0;
	fake.move_mount_result = -EBUSY;
	assert_int_equal(net_dns_install(dir->fd, dir->fd, two, 2, &err), -EBUSY);
}

#define T(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

int test_dns(void)
{
	const struct CMUnitTest tests[] = {
		T(installed_and_removed),   T(nothing_to_do),          T(only_over_a_file),
		T(left_overs_are_replaced), T(failures_name_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
