/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/rootfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "tests/unit/agent/mount/scene.h"

static bool file_says(const char *path, const char *text)
{
	char buf[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	close(fd);
	return n >= 0 && strcmp(buf, text) == 0;
}

/* --- a whole container ----------------------------------------------------------------------------------------- */

static struct oci_mount usual_mounts[] = {
	{ (char *)"/proc", (char *)"proc", (char *)"proc", LIST((char *)"nosuid") },
	{ (char *)"/dev", (char *)"tmpfs", (char *)"tmpfs", LIST((char *)"nosuid", (char *)"mode=755", (char *)"ro") },
	{ (char *)"/dev/pts", (char *)"devpts", (char *)"devpts",
	  LIST((char *)"newinstance", (char *)"ptmxmode=0666", (char *)"mode=0620") },
	{ (char *)"/dev/shm", (char *)"shm", (char *)"tmpfs", LIST((char *)"mode=1777", (char *)"size=65536k") },
	{ (char *)"/sys", (char *)"sysfs", (char *)"sysfs", LIST((char *)"ro", (char *)"nosuid") },
	{ (char *)"/tmp", (char *)"tmpfs", (char *)"tmpfs", LIST((char *)"noexec") },
	{ (char *)"/data", (char *)BASE "/src/dir", (char *)"bind", LIST((char *)"rbind", (char *)"rro") },
	{ (char *)"/half", (char *)BASE "/src/dir", (char *)"bind", LIST((char *)"rbind", (char *)"ro") },
	{ (char *)"/etc/new/file", (char *)BASE "/src/file", (char *)"bind", LIST((char *)"bind") },
	{ (char *)"/data/sub", (char *)"tmpfs", (char *)"tmpfs", LIST((char *)"size=4k") },
};
static struct oci_device usual_devices[] = {
	{ .path = (char *)"/dev/net/tun",
	  .type = 'c',
	  .major = 10,
	  .minor = 200,
	  .has_mode = true,
	  .mode = 0640,
	  .gid = 5 },
	{ .path = (char *)"/dev/queue", .type = 'p' },
};

static char *masked[] = {
	(char *)"/hidden",    (char *)"/secret",  (char *)"/proc/kcore",
	(char *)"/proc/acpi", (char *)"/nothing", (char *)"/secret/below",
};
static char *readonly[] = { (char *)"/fixed", (char *)"/proc/sys", (char *)"/nothing" };

static struct scene usual_scene(void)
{
	return (struct scene){
		.spec = { .mounts = usual_mounts, .n_mounts = ARRAY_SIZE(usual_mounts) },
		.lin = { .masked_paths = { masked, ARRAY_SIZE(masked) },
		         .readonly_paths = { readonly, ARRAY_SIZE(readonly) } },
		.wants_console = true,
	};
}

static bool is_mode(const char *path, mode_t mode)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_mode == mode;
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return false;
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n == 0;
}

static bool is_readonly(const char *dir)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/probe", dir);
	return mkdir(path, 0700) < 0 && errno == EROFS;
}

static void check_mounts(void)
{
	struct statfs st;

	CHECK(statfs("/proc", &st) == 0 && st.f_type == PROC_SUPER_MAGIC);
	CHECK(statfs("/dev/shm", &st) == 0 && st.f_blocks * (uint64_t)st.f_bsize == 65536 * 1024);
	CHECK(statfs("/tmp", &st) == 0 && (st.f_flags & MS_NOEXEC));
	CHECK(is_mode("/tmp", S_IFDIR | 01777));
	CHECK(is_mode("/dev", S_IFDIR | 0755));
	CHECK(is_readonly("/sys/kernel") || errno == EPERM);
	CHECK(file_says("/data/file", "source") && is_readonly("/data"));
	CHECK(file_says("/half/file", "source") && is_readonly("/half"));
	CHECK(mkdir("/half/sub/probe", 0700) == 0);
	CHECK(file_says("/etc/new/file", "file"));
	CHECK(mkdir("/data/sub/probe", 0700) == 0);
}

static void check_devices(void)
{
	struct stat st;
	char text[64] = "";
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_rdev == makedev(1, 3) && (st.st_mode & 07777) == 0666);
	CHECK(stat("/dev/net/tun", &st) == 0 && st.st_rdev == makedev(10, 200) && st.st_gid == 5);
	CHECK(is_mode("/dev/net/tun", S_IFCHR | 0640));
	CHECK(is_mode("/dev/queue", S_IFIFO | 0666));
	CHECK(readlink("/dev/fd", text, sizeof(text) - 1) > 0 && strcmp(text, "/proc/self/fd") == 0);
	CHECK(is_mode("/dev/ptmx", S_IFLNK | 0777) && is_readonly("/dev"));
}

static void check_masks(void)
{
	struct stat st;

	CHECK(is_empty("/hidden") && is_readonly("/hidden"));
	CHECK(stat("/secret", &st) == 0 && st.st_rdev == makedev(1, 3));
	CHECK(access("/proc/kcore", F_OK) < 0 || (stat("/proc/kcore", &st) == 0 && st.st_rdev == makedev(1, 3)));
	CHECK(access("/proc/acpi", F_OK) < 0 || is_empty("/proc/acpi"));
	CHECK(is_readonly("/fixed"));
	CHECK(open("/proc/sys/kernel/domainname", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
}

static void check_console(struct rootfs_entry *entry)
{
	struct stat here, there;
	char byte = 0;

	CHECK(entry->master >= 0 && fstat(entry->slave, &here) == 0);
	CHECK(stat("/dev/console", &there) == 0 && here.st_rdev == there.st_rdev);
	CHECK(stat("/dev/pts/0", &there) == 0 && here.st_rdev == there.st_rdev);
	CHECK(write(entry->slave, "x", 1) == 1 && read(entry->master, &byte, 1) == 1 && byte == 'x');
}

/* Nothing of the creator's tree is mounted, and "/" has nothing above it. */
static void check_alone(size_t expected)
{
	static char mounts[262144];
	struct stat root, up;
	size_t lines = 0;

	(void)scene_read_mounts(mounts, sizeof(mounts));
	for (const char *c = mounts; *c; c++)
		lines += *c == '\n';
	if (lines != expected) {
		(void)snprintf(shared->said, sizeof(shared->said), "%zu mounts, not %zu: %.1500s", lines, expected,
		               mounts);
		_exit(1);
	}
	CHECK(stat("/", &root) == 0 && stat("/..", &up) == 0 && root.st_ino == up.st_ino && root.st_dev == up.st_dev);
	CHECK(chdir("..") == 0 && access("etc/passwd", F_OK) == 0 && file_says("etc/passwd", "root"));
	CHECK(access(BASE, F_OK) < 0);
}

static size_t present(const char *path)
{
	return access(path, F_OK) == 0;
}

static void check_usual(struct rootfs_entry *entry)
{
	/* the root, ten mounts of which two bring a "sub", the console, two masks, two read-only paths */
	check_alone(1 + ARRAY_SIZE(usual_mounts) + 2 + 1 + 2 + 2 + present("/proc/kcore") + present("/proc/acpi"));
	check_mounts();
	check_devices();
	check_masks();
	check_console(entry);
	CHECK(mkdir("/probe", 0700) == 0);
}

static void a_whole_container(void **state)
{
	struct scene scene = usual_scene();

	(void)state;
	scene.check = check_usual;
	scene.lin.devices = usual_devices;
	scene.lin.n_devices = ARRAY_SIZE(usual_devices);
	scene_play_well(&scene);
}

static void check_readonly_root(struct rootfs_entry *entry)
{
	(void)entry;
	CHECK(is_readonly("/"));
	CHECK(access("/made/work", F_OK) == 0);
	CHECK(mkdir("/tmp/probe", 0700) == 0);
	CHECK(entry->master == -EBADF);
}

static void a_readonly_root(void **state)
{
	struct scene scene = usual_scene();

	(void)state;
	scene.wants_console = false;
	scene.check = check_readonly_root;
	scene.spec.root_readonly = true;
	scene.spec.process = &scene.process;
	scene.process.cwd = (char *)"/made/work";
	scene_play_well(&scene);
}

/* scene_play() itself compares the creator's mounts before and after. */
static void shared_mounts_do_not_leak(void **state)
{
	static const char *const words[] = { NULL, "rslave", "rprivate", "rshared", "shared" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct scene scene = usual_scene();

		scene.propagates = true;
		scene.lin.rootfs_propagation = (char *)words[i];
		scene_play_well(&scene);
	}
}

static void check_user_namespace(struct rootfs_entry *entry)
{
	struct stat st;

	check_console(entry);
	CHECK(stat("/dev/null", &st) == 0 && st.st_rdev == makedev(1, 3));
	CHECK(open("/dev/zero", O_RDWR | O_CLOEXEC) >= 0);
	CHECK(is_empty("/hidden") && stat("/secret", &st) == 0 && st.st_rdev == makedev(1, 3));
	CHECK(access("/sys/kernel", F_OK) == 0 && access("/proc/self", F_OK) == 0);
	CHECK(access(BASE, F_OK) < 0);
	CHECK(umount2("/hidden", MNT_DETACH) == 0 || errno == EINVAL);
}

static void a_user_namespace(void **state)
{
	struct scene scene = usual_scene();

	(void)state;
	scene.has_userns = true;
	scene.check = check_user_namespace;
	scene_play_well(&scene);
}

/* --- copies and ids --------------------------------------------------------------------------------------------- */

static struct oci_id_map shift_map[] = { { .container_id = 0, .host_id = 100000, .size = 1000 } };
static struct oci_mount mapped_mounts[] = {
	{ (char *)"/proc", (char *)"proc", (char *)"proc", LIST((char *)"nosuid") },
	{ (char *)"/mapped",
	  (char *)BASE "/src/dir",
	  (char *)"bind",
	  LIST((char *)"bind", (char *)"idmap"),
	  { shift_map, 1 },
	  { shift_map, 1 } },
	{ (char *)"/plain", (char *)BASE "/src/dir", (char *)"bind", LIST((char *)"bind") },
	{ (char *)"/etc", (char *)"tmpfs", (char *)"tmpfs",
	  LIST((char *)"tmpcopyup", (char *)"size=1m", (char *)"nodev") },
	{ (char *)"/sealed", (char *)"tmpfs", (char *)"tmpfs",
	  LIST((char *)"tmpcopyup", (char *)"mode=0711", (char *)"ro") },
};

static void prepare_copies(void)
{
	CHECK(mkdir("etc", 0755) == 0 || errno == EEXIST);
	scene_put_file("etc/hosts", "of the image");
	CHECK(mkdir("etc/deep", 0700) == 0 && symlink("../hosts", "etc/deep/link") == 0);
	CHECK(mkdir("sealed", 0750) == 0 && chown("sealed", 5, 6) == 0);
	scene_put_file("sealed/file", "x");
}

static void check_copies(struct rootfs_entry *entry)
{
	struct statfs fs;
	struct stat st;

	(void)entry;
	CHECK(stat("/mapped", &st) == 0 && st.st_uid == 100000 && st.st_gid == 100000);
	CHECK(stat("/plain", &st) == 0 && st.st_uid == 0);
	CHECK(statfs("/etc", &fs) == 0 && fs.f_type == TMPFS_MAGIC && (fs.f_flags & MS_NODEV));
	CHECK(file_says("/etc/hosts", "of the image") && file_says("/etc/deep/link", "of the image"));
	CHECK(stat("/etc/deep", &st) == 0 && st.st_mode == (S_IFDIR | 0700));
	CHECK(stat("/sealed", &st) == 0 && st.st_mode == (S_IFDIR | 0711));
	CHECK(file_says("/sealed/file", "x") && open("/sealed/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 &&
	      errno == EROFS);
}

static void copies_and_mapped_ids(void **state)
{
	struct scene scene = { .spec = { .linux = NULL }, .prepare = prepare_copies, .check = check_copies };

	(void)state;
	scene.spec.mounts = mapped_mounts;
	scene.spec.n_mounts = ARRAY_SIZE(mapped_mounts);
	scene_play_well(&scene);
}

/* --- cgroups --------------------------------------------------------------------------------------------------- */

static struct oci_mount cgroup_mounts[] = {
	{ (char *)"/proc", (char *)"proc", (char *)"proc", LIST((char *)"nosuid") },
	{ (char *)"/sys", (char *)"sysfs", (char *)"sysfs", LIST((char *)"ro") },
	{ (char *)"/sys/fs/cgroup", (char *)"cgroup", (char *)"cgroup", LIST((char *)"ro", (char *)"nosuid") },
};

static void check_unified(struct rootfs_entry *entry)
{
	struct statfs st;

	(void)entry;
	CHECK(statfs("/sys/fs/cgroup", &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC && (st.f_flags & MS_RDONLY));
}

static void check_hierarchies(struct rootfs_entry *entry)
{
	struct statfs st;

	(void)entry;
	CHECK(statfs("/sys/fs/cgroup", &st) == 0 && st.f_type == TMPFS_MAGIC && (st.f_flags & MS_RDONLY));
	CHECK(statfs("/sys/fs/cgroup/memory", &st) < 0 ||
	      ((unsigned)st.f_type == CGROUP_SUPER_MAGIC && (st.f_flags & MS_RDONLY)));
}

static void cgroup_mounts_follow_the_hierarchy(void **state)
{
	struct scene scene = { .spec = { .mounts = cgroup_mounts, .n_mounts = ARRAY_SIZE(cgroup_mounts) } };

	(void)state;
	scene.unified = true;
	scene.check = check_unified;
	scene_play_well(&scene);
	scene.unified = false;
	scene.check = check_hierarchies;
	scene_play_well(&scene);
}

/* --- attacks ---------------------------------------------------------------------------------------------------- */

static void replace_by_link(const char *name, const char *target)
{
	(void)unlink(name);
	(void)rmdir(name);
	CHECK(symlink(target, name) == 0);
}

static void dev_is_a_link(void)
{
	replace_by_link("dev", "/etc");
}

static void proc_is_a_link(void)
{
	replace_by_link("proc", "/etc");
}

static void sys_is_a_link(void)
{
	replace_by_link("sys", "../../../../sys");
}

static void data_leads_into_proc(void)
{
	replace_by_link("data", "/proc/sys");
}

static void data_leads_to_a_process(void)
{
	replace_by_link("data", "/proc/self/fd");
}

static void data_is_a_magic_link(void)
{
	replace_by_link("data", "/proc/1/cwd");
}

static void console_is_a_link(void)
{
	replace_by_link("dev/console", "/etc/passwd");
}

static void null_is_a_file(void)
{
	scene_put_file("dev/null", "not a device");
}

static void dangling(void)
{
	replace_by_link("data", "/nowhere/at/all");
}

static struct oci_mount proc_and_data[] = {
	{ (char *)"/proc", (char *)"proc", (char *)"proc", LIST((char *)"nosuid") },
	{ (char *)"/dev/pts", (char *)"devpts", (char *)"devpts", LIST((char *)"ptmxmode=0666") },
	{ (char *)"/sys", (char *)"sysfs", (char *)"sysfs", LIST((char *)"ro") },
	{ (char *)"/data", (char *)BASE "/src/dir", (char *)"bind", LIST((char *)"bind") },
};

static void hostile_images_are_refused(void **state)
{
	static const struct {
		void (*prepare)(void);
		const char *expected;
	} rows[] = {
		{ proc_is_a_link, "mount 'proc' on '/proc': '/proc' of the rootfs is not an ordinary directory" },
		{ sys_is_a_link, "mount 'sysfs' on '/sys': '/sys' of the rootfs is not an ordinary directory" },
		{ dev_is_a_link, "device '/dev/null': '/dev' of the rootfs is not an ordinary directory" },
		{ data_leads_into_proc,
		  "bind '" BASE "/src/dir' on '/data': '/data' of the rootfs leads into a procfs" },
		{ data_leads_to_a_process,
		  "bind '" BASE "/src/dir' on '/data': '/data' of the rootfs leads into a procfs" },
		{ data_is_a_magic_link, "bind '" BASE "/src/dir' on '/data': open '/data' of the rootfs: "
		                        "Too many levels of symbolic links" },
		{ console_is_a_link, "bind the terminal: '/dev/console' is neither a file nor a device" },
		{ null_is_a_file, "device '/dev/null': something else is there already" },
		{ dangling, "bind '" BASE "/src/dir' on '/data': make '/data': it is a dangling symlink" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct scene scene = {
			.spec = { .mounts = proc_and_data, .n_mounts = ARRAY_SIZE(proc_and_data) },
			.prepare = rows[i].prepare,
			.wants_console = true,
		};

		scene_play(&scene);
		if (shared->r >= 0 || strncmp(shared->err.text, rows[i].expected, strlen(rows[i].expected)) != 0)
			fail_msg("row %zu: %d '%s'", i, shared->r, shared->err.text);
	}
}

static void data_points_out(void)
{
	CHECK(mkdir("vol", 0755) == 0);
	replace_by_link("data", "/../../../vol");
	scene_put_file("dev/ptmx", "an old node");
}

static void check_stays_inside(struct rootfs_entry *entry)
{
	(void)entry;
	CHECK(file_says("/vol/file", "source"));
	CHECK(is_mode("/dev/ptmx", S_IFLNK | 0777));
}

static void links_stay_inside(void **state)
{
	struct scene scene = {
		.spec = { .mounts = proc_and_data, .n_mounts = ARRAY_SIZE(proc_and_data) },
		.prepare = data_points_out,
		.check = check_stays_inside,
	};

	(void)state;
	scene_play_well(&scene);
}

/* --- errors ----------------------------------------------------------------------------------------------------- */

static void errors_say_why(void **state)
{
	static const struct {
		const char *destination, *source, *type, *option, *expected;
	} rows[] = {
		{ "/tmp", "tmpfs", "tmpfs", "foo", "mount 'tmpfs' on '/tmp': Unknown parameter 'foo'" },
		{ "/tmp", "tmpfs", "tmpfs", "size=x", "mount 'tmpfs' on '/tmp': Bad value for 'size'" },
		{ "/tmp", "x", "floppyfs", "ro",
		  "mount 'floppyfs' on '/tmp': the kernel has no such file system, and the guest no module for it" },
		{ "/tmp", "/nothing", "bind", "bind", "bind '/nothing' on '/tmp': No such file or directory" },
		{ "/tmp", BASE "/src/file", "bind", "bind",
		  "bind '" BASE "/src/file' on '/tmp': one of source and target is a directory, the other is not" },
		{ "/etc/passwd", BASE "/src/dir", "bind", "bind",
		  "bind '" BASE "/src/dir' on '/etc/passwd': open '/etc/passwd' of the rootfs: Not a directory" },
		{ "/proc", BASE "/src/dir", "bind", "bind",
		  "bind '" BASE "/src/dir' on '/proc': the source is not a procfs" },
		{ "/etc", "", "", "remount,ro", "remount '/etc': nothing is mounted there" },
		{ "/none", "", "", "remount,ro", "remount '/none': No such file or directory" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_mount mount = { (char *)rows[i].destination, (char *)rows[i].source, (char *)rows[i].type,
			                   LIST((char *)rows[i].option) };
		struct scene scene = { .spec = { .mounts = &mount, .n_mounts = 1 } };

		scene_play(&scene);
		assert_true(shared->r < 0);
		assert_string_equal(shared->err.text, rows[i].expected);
	}
}

static void a_missing_rootfs_is_named(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct oci_linux lin = { 0 };
	struct oci_spec spec = { .linux = &lin, .root_path = (char *)"/nowhere/rootfs" };
	const struct rootfs_request request = { .spec = &spec };
	struct rootfs_sources sources = { 0 };
	struct rootfs_plan *plan = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(rootfs_plan(&arena, &request, &plan, &err), 0);
	assert_int_equal(rootfs_open_sources(plan, &sources, &err), -ENOENT);
	assert_string_equal(err.text, "open the rootfs '/nowhere/rootfs': No such file or directory");
	assert_null(sources.fds);
}

static void check_remount(struct rootfs_entry *entry)
{
	struct statfs st;

	(void)entry;
	CHECK(statfs("/tmp", &st) == 0 && st.f_blocks * (uint64_t)st.f_bsize == 1048576 && (st.f_flags & MS_NODEV));
	CHECK(is_readonly("/etc/over"));
}

/* Data of a remount, and options longer than fsconfig(2) takes, go through mount(2). */
static void long_options_and_remounts(void **state)
{
	char lower[600] = "lowerdir=" BASE "/src/dir";
	struct oci_mount mounts[] = {
		{ (char *)"/tmp", (char *)"tmpfs", (char *)"tmpfs", LIST((char *)"size=64k") },
		{ (char *)"/tmp", (char *)"tmpfs", (char *)"tmpfs",
		  LIST((char *)"remount", (char *)"nodev", (char *)"size=1m") },
		{ (char *)"/etc/over", (char *)"overlay", (char *)"overlay", LIST(lower) },
	};
	struct scene scene = { .spec = { .mounts = mounts, .n_mounts = ARRAY_SIZE(mounts) }, .check = check_remount };

	(void)state;
	while (strlen(lower) < 500)
		(void)strcat(lower, ":" BASE "/src");
	scene_play(&scene);
	/* A kernel without overlay, or one that wants no directory twice, can say so. */
	if (shared->r == -ENODEV || shared->r == -ELOOP) {
		scene.spec.n_mounts = 2;
		scene.check = NULL;
		scene_play_well(&scene);
	} else if (shared->r < 0) {
		fail_msg("%s", shared->err.text);
	}
}

/* Every call fails once: there is a reason, or it did not matter; never a silent -errno, never a leak to the creator.
 */
static void every_failure_is_told(void **state)
{
	int tolerated = 0;
	int64_t k;

	(void)state;
	for (k = 0; k < 1000; k++) {
		struct scene scene = usual_scene();

		scene.propagates = true;
		shared->countdown = k;
		scene_play(&scene);
		if (shared->r < 0) {
			assert_int_equal(shared->err.num, -shared->r);
			assert_true(strlen(shared->err.text) > strlen("Input/output error"));
			tolerated = 0;
		} else if (++tolerated > 20) {
			break;
		}
	}
	assert_in_range(k, 150, 999);
}

int test_enter(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_container),
		cmocka_unit_test(a_readonly_root),
		cmocka_unit_test(shared_mounts_do_not_leak),
		cmocka_unit_test(a_user_namespace),
		cmocka_unit_test(copies_and_mapped_ids),
		cmocka_unit_test(cgroup_mounts_follow_the_hierarchy),
		cmocka_unit_test(hostile_images_are_refused),
		cmocka_unit_test(links_stay_inside),
		cmocka_unit_test(errors_say_why),
		cmocka_unit_test(a_missing_rootfs_is_named),
		cmocka_unit_test(long_options_and_remounts),
		cmocka_unit_test(every_failure_is_told),
	};

	if (geteuid() != 0) {
		(void)printf("ok 1 - enter # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests_name("enter", tests, scene_setup, scene_teardown);
}
