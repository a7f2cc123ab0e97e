/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/storage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/mountinfo.h"
#include "tests/lib/unit.h"

#define LIST(...)                                                                                                      \
	{                                                                                                              \
		(char *[]){ __VA_ARGS__, NULL }, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)                    \
	}
#define BASE "/tmp/kata-unit-storage"

struct row {
	const char *driver, *source, *fstype, *mount_point, *options, *driver_option, *expected;
	bool has_fs_group;
};

static struct storage_config config_of(const struct row *row, char **options, char **driver_options)
{
	struct storage_config c = {
		.driver = (char *)row->driver,
		.source = (char *)row->source,
		.fstype = (char *)row->fstype,
		.mount_point = (char *)row->mount_point,
		.has_fs_group = row->has_fs_group,
		.fs_group = 77,
		.fs_group_on_root_mismatch = row->has_fs_group,
	};

	options[0] = (char *)row->options;
	driver_options[0] = (char *)row->driver_option;
	c.options = (struct oci_strings){ options, row->options != NULL };
	c.driver_options = (struct oci_strings){ driver_options, row->driver_option != NULL };
	return c;
}

static const struct row rows[] = {
	{ "virtio-fs", "kataShared", "virtiofs", "/run/shared", "nodev", NULL,
	  "mkdir target=/run/shared number=493\n"
	  "mount source=kataShared target=/run/shared type=virtiofs flags=0x4\n",
	  false },
	{ "ephemeral", "shm", "tmpfs", "/run/shm", "noexec,size=64m,fsgid=5,mode=1777", NULL,
	  "mkdir target=/run/shm number=493\n"
	  "mount source=shm target=/run/shm type=tmpfs data=size=64m,mode=1777 flags=0x8\n"
	  "group target=/run/shm data=5\n",
	  false },
	{ "ephemeral", "", "", "/run/shm", "remount,size=1m", NULL,
	  "mkdir target=/run/shm number=493\n"
	  "remount target=/run/shm type=tmpfs data=size=1m\n",
	  false },
	{ "ephemeral", "nodev", "hugetlbfs", "/run/huge", "pagesize=2Mi,size=10M", NULL,
	  "hugepages target=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages data=2Mi flags=0x5\n"
	  "mkdir target=/run/huge number=493\n"
	  "mount source=nodev target=/run/huge type=hugetlbfs data=pagesize=2Mi,size=10M\n",
	  false },
	{ "ephemeral", "nodev", "hugetlbfs", "/run/huge", "pagesize=2097152,size=x", NULL,
	  "hugetlbfs: 'pagesize=2097152' and 'size=x' are no two sizes", false },
	{ "local", "local", "local", "/run/dir", "mode=0750,fsgid=6", NULL,
	  "mkdir target=/run/dir number=493\n"
	  "group target=/run/dir data=6\n"
	  "mode target=/run/dir number=1512\n",
	  false },
	{ "local", "", "", "/run/dir", NULL, NULL,
	  "mkdir target=/run/dir number=493\nmode target=/run/dir number=511\n", false },
	{ "local", "", "", "/run/dir", "mode=9", NULL, "storage 'local' on '/run/dir': 'mode=9' is no octal mode",
	  false },
	{ "local", "", "", "/run/dir", "fsgid=-1", NULL, "storage on '/run/dir': 'fsgid=-1' is no group", false },
	{ "virtio-fs", "tag", "", "/run/a", "ro", NULL,
	  "mkdir target=/run/a number=493\n"
	  "mount source=tag target=/run/a type=virtiofs flags=0x1\n"
	  "fs-group target=/run/a data=77 on root mismatch number=288\n",
	  true },
	{ "overlayfs", "overlay", "overlay", "/run/c/rootfs", "io.katacontainers.fs-opt.overlay-rw,lowerdir=/l",
	  "io.katacontainers.volume.overlayfs.create_directory=/run/x",
	  "mkdir target=/run/x number=493\n"
	  "mkdir target=/run/kata-containers/cid/upper number=493\n"
	  "mkdir target=/run/kata-containers/cid/work number=493\n"
	  "mkdir target=/run/c/rootfs number=493\n"
	  "mount source=overlay target=/run/c/rootfs type=overlay data=lowerdir=/l,"
	  "upperdir=/run/kata-containers/cid/upper,workdir=/run/kata-containers/cid/work\n",
	  false },
	{ "overlayfs", "", "", "/run/c", NULL, "io.katacontainers.volume.overlayfs.create_directory=x/../y",
	  "storage 'overlayfs': directory 'x/../y' must be absolute and without '..'", false },
	{ "virtio-fs", "tag", "", "run/a", NULL, NULL,
	  "storage 'virtio-fs': mount point 'run/a' must be absolute, without '..', and not '/'", false },
	{ "virtio-fs", "tag", "", "/run/../etc", NULL, NULL,
	  "storage 'virtio-fs': mount point '/run/../etc' must be absolute, without '..', and not '/'", false },
	{ "virtio-fs", "tag", "", "/a", "loop", NULL,
	  "storage 'virtio-fs' on '/a': mount option 'loop' is not supported", false },
	{ "blk", "/dev/vdb", "ext4", "/run/disk", "ro", NULL,
	  "mkdir target=/run/disk number=493\n"
	  "mount source=/dev/vdb target=/run/disk type=ext4 flags=0x1\n"
	  "fs-group target=/run/disk data=77 on root mismatch number=288\n",
	  true },
	{ "scsi", "/dev/sda", "xfs", "/run/disk", "nouuid", NULL,
	  "mkdir target=/run/disk number=493\n"
	  "mount source=/dev/sda target=/run/disk type=xfs data=nouuid\n",
	  false },
	{ "blk", "/dev/vdb", "ext4", "/run/disk", NULL, "create_filesystem",
	  "mkfs source=/dev/vdb type=ext4\n"
	  "mkdir target=/run/disk number=493\n"
	  "mount source=/dev/vdb target=/run/disk type=ext4\n",
	  false },
	{ "blk", "/dev/vdb", "xfs", "/run/disk", NULL, "create_filesystem",
	  "storage 'blk' on '/run/disk': 'create_filesystem' makes ext4, not 'xfs'", false },
	{ "scsi", "/dev/sda", "ext4", "/run/disk", NULL, "encryption_key=ephemeral",
	  "storage 'scsi' on '/run/disk': 'encryption_key=ephemeral' needs a confidential data hub, which is not here",
	  false },
	{ "nvdimm", "/dev/pmem0", "erofs", "/run/disk", "dax", NULL,
	  "mkdir target=/run/disk number=493\n"
	  "mount source=/dev/pmem0 target=/run/disk type=erofs data=dax\n",
	  false },
	{ "mmioblk", "/dev/vda", "ext4", "run", NULL, NULL,
	  "storage 'mmioblk': mount point 'run' must be absolute, without '..', and not '/'", false },
	{ "watchable-bind", "/s", "bind", "/run/kata-containers/shared/containers/watchable/vol", "bind", NULL,
	  "watch source=/s target=/run/kata-containers/shared/containers/watchable/vol\n", false },
	{ "watchable-bind", "/s", "bind", "/run/user/7/run/kata-containers/shared/containers/passthrough/watchable/v",
	  NULL, NULL,
	  "watch source=/s target=/run/user/7/run/kata-containers/shared/containers/passthrough/watchable/v\n", false },
	{ "watchable-bind", "s", "bind", "/run/kata-containers/shared/containers/watchable/vol", NULL, NULL,
	  "storage 'watchable-bind' on '/run/kata-containers/shared/containers/watchable/vol': source 's' must "
	  "be "
	  "absolute, without '..'",
	  false },
	{ "watchable-bind", "/s", "bind", "/run/kata-containers/shared/containers/vol", NULL, NULL,
	  "storage 'watchable-bind': '/run/kata-containers/shared/containers/vol' is not in "
	  "'/run/kata-containers/shared/containers/watchable'",
	  false },
	{ "9p", "tag", "", "/a", "trans=virtio,version=9p2000.L,nodev", NULL,
	  "mkdir target=/a number=493\n"
	  "mount source=tag target=/a type=9p data=trans=virtio,version=9p2000.L flags=0x4\n",
	  false },
	{ "floppy", "tag", "9p", "/a", NULL, NULL, "no storage driver 'floppy'", false },
	{ "image_guest_pull", "", "", "/a", NULL, NULL, "storage driver 'image_guest_pull' is not implemented", false },
	{ "erofs.multi-layer", "", "", "/a", NULL, NULL, "storage driver 'erofs.multi-layer' is not implemented",
	  false },
};

static void storages_become_steps(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoarena_ struct arena arena = { 0 };
		_autobuf_ struct buf out = BUF_INIT;
		char *options[2] = { NULL }, *driver_options[2] = { NULL };
		const struct storage_config config = config_of(&rows[i], options, driver_options);
		struct step_list list = { 0 };
		struct err err = ERR_INIT;

		if (storage_plan(&arena, &config, "cid", &list, &err) < 0) {
			assert_string_equal(err.text, rows[i].expected);
			continue;
		}
		assert_int_equal(step_list_print(&list, &out), 0);
		assert_string_equal(buf_str(&out), rows[i].expected);
	}
}

static void every_driver_has_a_name(void **state)
{
	const char *const *names = storage_driver_names();
	size_t n = 0;

	(void)state;
	while (names[n])
		n++;
	assert_in_range(n, 4, 64);
	assert_string_equal(names[0], "9p");
}

/* --- really mounted, in a mount namespace of its own ------------------------------------------------------------ */

static char *said;

static void check_at(int line, bool ok, const char *text)
{
	if (ok)
		return;
	(void)snprintf(said, 512, "line %d: %s (errno %d)", line, text, errno);
	_exit(1);
}

#define CHECK(cond) check_at(__LINE__, cond, #cond)

static void in_namespace(void (*body)(void))
{
	int status = -1;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	said = mmap(NULL, 512, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(said != MAP_FAILED);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		CHECK(mount("tmp", "/tmp", "tmpfs", 0, NULL) == 0 && mkdir(BASE, 0755) == 0);
		CHECK(mount("base", BASE, "tmpfs", 0, NULL) == 0);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (said[0])
		fail_msg("%s", said);
	assert_int_equal(status, 0);
	(void)munmap(said, 512);
}

static int apply(const struct storage_config *config, struct err *err)
{
	_autoarena_ struct arena arena = { 0 };
	struct step_list list = { 0 };
	int r = storage_plan(&arena, config, "cid", &list, err);

	return r < 0 ? r : storage_apply(&list, NULL, err);
}

static void mount_twice_and_clean(void)
{
	struct storage_config config = { .driver = (char *)"virtio-fs",
		                         .source = (char *)"kataShared",
		                         .fstype = (char *)"tmpfs",
		                         .mount_point = (char *)BASE "/a/b",
		                         .options = LIST((char *)"nodev", (char *)"size=64k") };
	struct err err = ERR_INIT;
	struct statfs st;
	int fd;

	CHECK(apply(&config, &err) == 0);
	CHECK(apply(&config, &err) == 0);
	CHECK(mountinfo_count(BASE) == 2);
	CHECK(statfs(BASE "/a/b", &st) == 0 && (st.f_flags & MS_NODEV) && st.f_blocks * (uint64_t)st.f_bsize == 65536);
	fd = open(BASE "/a/b/held", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	CHECK(storage_clean(&config, &err) == -EBUSY);
	CHECK(strcmp(err.text, "unmount '" BASE "/a/b': Device or resource busy") == 0);
	close(fd);
	CHECK(storage_clean(&config, &err) == 0 && access(BASE "/a/b", F_OK) < 0);
	CHECK(storage_clean(&config, &err) == 0);
	CHECK(mkdir(BASE "/a/b", 0700) == 0 && mkdir(BASE "/a/b/c", 0700) == 0);
	CHECK(storage_clean(&config, &err) == -ENOTEMPTY);
	CHECK(strcmp(err.text, "remove '" BASE "/a/b': Directory not empty") == 0);
}

static void storages_are_mounted_once_and_cleaned(void **state)
{
	(void)state;
	in_namespace(mount_twice_and_clean);
}

static void ephemeral_body(void)
{
	struct storage_config config = { .driver = (char *)"ephemeral",
		                         .source = (char *)"shm",
		                         .fstype = (char *)"tmpfs",
		                         .mount_point = (char *)BASE "/shm",
		                         .options = LIST((char *)"noexec", (char *)"mode=770", (char *)"size=64k",
		                                         (char *)"fsgid=99") };
	char *again[] = { (char *)"remount", (char *)"size=128k", NULL };
	struct err err = ERR_INIT;
	struct statfs fs;
	struct stat st;

	CHECK(apply(&config, &err) == 0);
	CHECK(stat(BASE "/shm", &st) == 0 && st.st_gid == 99 && st.st_mode == (S_IFDIR | S_ISGID | 0770));
	CHECK(statfs(BASE "/shm", &fs) == 0 && fs.f_blocks * (uint64_t)fs.f_bsize == 65536);
	CHECK((fs.f_flags & MS_NOEXEC) != 0);
	config.options = (struct oci_strings){ again, 2 };
	CHECK(apply(&config, &err) == 0);
	CHECK(statfs(BASE "/shm", &fs) == 0 && fs.f_blocks * (uint64_t)fs.f_bsize == 131072);
	CHECK(storage_clean(&config, &err) == 0 && mountinfo_is_mounted(BASE "/shm", "tmpfs"));
}

static void ephemeral_options_are_honoured(void **state)
{
	(void)state;
	in_namespace(ephemeral_body);
}

static void local_body(void)
{
	struct storage_config config = { .driver = (char *)"local",
		                         .mount_point = (char *)BASE "/dir",
		                         .options = LIST((char *)"mode=0700", (char *)"fsgid=98") };
	struct err err = ERR_INIT;
	struct stat st;

	(void)umask(077);
	CHECK(apply(&config, &err) == 0);
	CHECK(stat(BASE "/dir", &st) == 0 && st.st_gid == 98 && st.st_mode == (S_IFDIR | S_ISGID | 0700));
	CHECK(mountinfo_count(BASE) == 1);
}

static void local_is_a_directory(void **state)
{
	(void)state;
	in_namespace(local_body);
}

/* The second step list fails after its mount: nothing stays. */
static void undo_body(void)
{
	struct storage_config config = { .driver = (char *)"virtio-fs",
		                         .source = (char *)"x",
		                         .fstype = (char *)"proc",
		                         .mount_point = (char *)BASE "/p",
		                         .has_fs_group = true,
		                         .fs_group = 5 };
	struct err err = ERR_INIT;

	CHECK(apply(&config, &err) < 0);
	CHECK(strstr(err.text, "of the volume on '" BASE "/p' to group 5") != NULL);
	CHECK(mountinfo_count(BASE) == 1);
	CHECK(access("/proc/self", F_OK) == 0);
}

static void a_failure_leaves_nothing_mounted(void **state)
{
	(void)state;
	in_namespace(undo_body);
}

static bool has(const char *path, gid_t gid, mode_t mode)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_gid == gid && (S_ISLNK(mode) || st.st_mode == mode);
}

static void group_body(void)
{
	char *none[] = { NULL };
	struct storage_config config = { .driver = (char *)"local",
		                         .mount_point = (char *)BASE "/vol",
		                         .options = { none, 0 },
		                         .has_fs_group = true,
		                         .fs_group = 2000 };
	struct err err = ERR_INIT;

	CHECK(mkdir(BASE "/vol", 0755) == 0 && mkdir(BASE "/vol/d", 0700) == 0);
	CHECK(close(open(BASE "/vol/d/f", O_CREAT | O_WRONLY, 0400)) == 0);
	CHECK(close(open(BASE "/outside", O_CREAT | O_WRONLY, 0400)) == 0);
	CHECK(mkfifo(BASE "/vol/fifo", 0600) == 0 && symlink(BASE "/outside", BASE "/vol/link") == 0);
	CHECK(apply(&config, &err) == 0);
	CHECK(has(BASE "/vol", 2000, S_IFDIR | S_ISGID | 0777));
	CHECK(has(BASE "/vol/d", 2000, S_IFDIR | S_ISGID | 0770));
	CHECK(has(BASE "/vol/d/f", 2000, S_IFREG | 0660));
	CHECK(has(BASE "/vol/fifo", 2000, S_IFIFO | 0660));
	CHECK(has(BASE "/vol/link", 2000, S_IFLNK));
	CHECK(has(BASE "/outside", 0, S_IFREG | 0400));
}

static void fs_group_goes_everywhere_but_out(void **state)
{
	(void)state;
	in_namespace(group_body);
}

/* A file is no disk to mount, but mkfs takes it. */
static void mkfs_body(void)
{
	struct storage_config config = { .driver = (char *)"blk",
		                         .source = (char *)BASE "/disk",
		                         .fstype = (char *)"ext4",
		                         .mount_point = (char *)BASE "/m",
		                         .driver_options = LIST((char *)"create_filesystem") };
	struct err err = ERR_INIT;
	unsigned char magic[2] = { 0 };
	int fd = open(BASE "/disk", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && ftruncate(fd, 8 << 20) == 0);
	CHECK(apply(&config, &err) < 0);
	CHECK(strstr(err.text, "mount 'ext4' on '" BASE "/m'") != NULL);
	CHECK(pread(fd, magic, 2, 1024 + 56) == 2 && magic[0] == 0x53 && magic[1] == 0xef);
	err = (struct err)ERR_INIT;
	config.source = (char *)BASE "/none";
	CHECK(apply(&config, &err) < 0);
	CHECK(strstr(err.text, "make a file system on '" BASE "/none': '/sbin/mkfs.ext4' ended with status 1: ") !=
	      NULL);
	close(fd);
}

static void file_systems_are_made(void **state)
{
	(void)state;
	if (access("/sbin/mkfs.ext4", X_OK) < 0) {
		print_message("skipped: needs mkfs.ext4\n");
		skip();
	}
	in_namespace(mkfs_body);
}

extern bool scene_old_overlay; /* of scene.h, whose macros are others */

#define LAYER "a-lower-directory-with-a-long-name-for-many-of-them-make-more-than-a-page-"

/* "lowerdir=" of n directories, which are made; the first and the last have a file. */
static char *make_layers(unsigned n)
{
	char *text = calloc(n + 1, sizeof(BASE LAYER) + 16), *at = text, path[256];

	CHECK(text != NULL);
	at += sprintf(at, "lowerdir=");
	for (unsigned i = 1; i <= n; i++) {
		(void)snprintf(path, sizeof(path), BASE "/" LAYER "%u", i);
		CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
		at += sprintf(at, "%s%s", i > 1 ? ":" : "", path);
	}
	(void)snprintf(path, sizeof(path), BASE "/" LAYER "%u/last", n);
	CHECK(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
	CHECK(close(open(BASE "/" LAYER "1/first", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
	return text;
}

static void mount_layers(unsigned n)
{
	char *lower = make_layers(n), *options[] = { lower, NULL };
	struct storage_config config = { .driver = (char *)"overlayfs",
		                         .mount_point = (char *)BASE "/o",
		                         .options = { options, 1 } };
	struct err err = ERR_INIT;

	if (n > 500) {
		CHECK(apply(&config, &err) == -E2BIG);
		CHECK(strcmp(err.text,
		             "mount 'overlay' on '" BASE "/o': 501 lower directories, the kernel takes 500") == 0);
	} else {
		CHECK(apply(&config, &err) == 0);
		CHECK(access(BASE "/o/first", F_OK) == 0 && access(BASE "/o/last", F_OK) == 0);
		CHECK(access("/proc/self", F_OK) == 0);
		CHECK(storage_clean(&config, &err) == 0);
	}
	CHECK(mountinfo_count(BASE) == 1);
	free(lower);
}

static void overlay_body(void)
{
	mount_layers(3);
	mount_layers(20);
	mount_layers(300);
	mount_layers(501);
	scene_old_overlay = true;
	mount_layers(20);
	mount_layers(300);
	mount_layers(501);
}

static void many_layers_are_mounted_and_too_many_counted(void **state)
{
	(void)state;
	in_namespace(overlay_body);
}

int test_storage(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(storages_become_steps),
		cmocka_unit_test(every_driver_has_a_name),
		cmocka_unit_test(storages_are_mounted_once_and_cleaned),
		cmocka_unit_test(ephemeral_options_are_honoured),
		cmocka_unit_test(local_is_a_directory),
		cmocka_unit_test(a_failure_leaves_nothing_mounted),
		cmocka_unit_test(fs_group_goes_everywhere_but_out),
		cmocka_unit_test(file_systems_are_made),
		cmocka_unit_test(many_layers_are_mounted_and_too_many_counted),
	};

	return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
