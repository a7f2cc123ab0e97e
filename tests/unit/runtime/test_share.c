/* SPDX-License-Identifier: Apache-2.0 */
/* In a mount namespace of the test's own. */
#include "runtime/share.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/mountinfo.h"
#include "tests/lib/unit.h"

#include "tests/lib/forked.h"

#define WORLD "/tmp"

static void (*after_walk)(void);

int __real_mountinfo_walk(const char *path, mountinfo_visit visit, void *arg, struct err *err);
int __wrap_mountinfo_walk(const char *path, mountinfo_visit visit, void *arg, struct err *err);
int __wrap_mountinfo_walk(const char *path, mountinfo_visit visit, void *arg, struct err *err)
{
	int r = __real_mountinfo_walk(path, visit, arg, err);

	if (after_walk)
		after_walk();
	return r;
}

static int make_world(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("world", WORLD, "tmpfs", 0, NULL) < 0)
		return 1;
	return mkdir(WORLD "/pod", 0700) < 0 || mkdir(WORLD "/image", 0700) < 0 || mkdir(WORLD "/victim", 0700) < 0 ||
	       mkdir(WORLD "/victim/rootfs", 0700) < 0 ||
	       mount("other", WORLD "/victim/rootfs", "tmpfs", 0, NULL) < 0 ||
	       mkdir(WORLD "/victim/rootfs/here", 0700) < 0;
}

/* What a guest does between a look at the mount table and an unmount. */
static void swap(void)
{
	after_walk = NULL;
	(void)rename(WORLD "/pod/shared/web", WORLD "/pod/shared/moved");
	(void)symlink(WORLD "/victim", WORLD "/pod/shared/web");
}

static int unmount_while_swapped(void)
{
	struct stat st;

	if (make_world() != 0)
		return 2;
	if (share_prepare(WORLD "/pod", NULL) < 0 || share_add(WORLD "/pod", WORLD "/image", "web/rootfs", NULL) < 0)
		return 3;
	after_walk = swap;
	if (share_clean(WORLD "/pod", NULL) < 0)
		return 4;
	if (stat(WORLD "/victim/rootfs/here", &st) < 0)
		return 5;
	/* Ours is gone by its new name. */
	return rmdir(WORLD "/pod/shared/moved/rootfs") < 0 ? 6 : 0;
}

/* CVE-2020-2024. */
static void no_symlink_is_followed_to_unmount(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(forked_run(unmount_while_swapped), 0);
}

static int bind_for_every_sandbox(void)
{
	char *const mounts[] = { (char *)WORLD "/image", (char *)WORLD "/victim:rw" };
	char *const missing[] = { (char *)WORLD "/nowhere" };
	struct err err = ERR_INIT;

	if (make_world() != 0 || share_prepare(WORLD "/pod", NULL) < 0)
		return 2;
	if (share_add_mounts(WORLD "/pod", mounts, 2, NULL) < 0)
		return 3;
	if (mkdir(WORLD "/pod/shared/sandbox-mounts/image/new", 0700) == 0 || errno != EROFS)
		return 4;
	if (mkdir(WORLD "/pod/shared/sandbox-mounts/victim/new", 0700) < 0 || access(WORLD "/victim/new", F_OK) < 0)
		return 5;
	/* The source itself may be written to. */
	if (mkdir(WORLD "/image/new", 0700) < 0)
		return 6;
	if (share_add_mounts(WORLD "/pod", missing, 1, &err) != -ENOENT)
		return 7;
	if (strcmp(err_text(&err), "share '" WORLD "/nowhere': No such file or directory") != 0)
		return 8;
	return share_clean(WORLD "/pod", NULL) < 0 || access(WORLD "/victim/rootfs/here", F_OK) < 0 ? 9 : 0;
}

static void mounts_of_every_sandbox_are_read_only_unless_told(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(forked_run(bind_for_every_sandbox), 0);
}

int test_share(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_symlink_is_followed_to_unmount),
		cmocka_unit_test(mounts_of_every_sandbox_are_read_only_unless_told),
	};

	return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
