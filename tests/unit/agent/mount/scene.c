/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/mount/scene.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/mount/plan.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

struct scene_result *shared;

/* --- faults ---------------------------------------------------------------------------------------------------- */

static int fault(void)
{
	return shared && shared->countdown >= 0 && shared->countdown-- == 0 ? -EIO : 0;
}

int __real_sys_openat2(int, const char *, uint64_t, uint64_t, uint64_t);
int __wrap_sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	return fault() ? -EIO : __real_sys_openat2(dirfd, path, flags, mode, resolve);
}

int __real_sys_move_mount(int, const char *, int, const char *, unsigned);
int __wrap_sys_move_mount(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
	return fault() ? -EIO : __real_sys_move_mount(from_dirfd, from, to_dirfd, to, flags);
}

int __real_sys_mount_setattr(int, const char *, unsigned, const struct sys_mount_attr *);
int __wrap_sys_mount_setattr(int dirfd, const char *path, unsigned flags, const struct sys_mount_attr *attr)
{
	return fault() ? -EIO : __real_sys_mount_setattr(dirfd, path, flags, attr);
}

bool scene_old_overlay;

int __real_sys_fsconfig(int, unsigned, const char *, const void *, int);
int __wrap_sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
	if (scene_old_overlay && key && strcmp(key, "lowerdir+") == 0)
		return 0;
	return fault() ? -EIO : __real_sys_fsconfig(fd, cmd, key, value, aux);
}

int __real_sys_open_tree(int, const char *, unsigned);
int __wrap_sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	return fault() ? -EIO : __real_sys_open_tree(dirfd, path, flags);
}

int __real_sys_mknodat(int, const char *, mode_t, dev_t);
int __wrap_sys_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
	return fault() ? -EIO : __real_sys_mknodat(dirfd, path, mode, dev);
}

int __real_sys_fstatat(int, const char *, struct stat *, int);
int __wrap_sys_fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	return fault() ? -EIO : __real_sys_fstatat(dirfd, path, st, flags);
}

int __real_sys_pivot_root(const char *, const char *);
int __wrap_sys_pivot_root(const char *new_root, const char *put_old)
{
	return fault() ? -EIO : __real_sys_pivot_root(new_root, put_old);
}

int __real_sys_umount2(const char *, int);
int __wrap_sys_umount2(const char *target, int flags)
{
	return fault() ? -EIO : __real_sys_umount2(target, flags);
}

int __real_sys_fchdir(int);
int __wrap_sys_fchdir(int fd)
{
	return fault() ? -EIO : __real_sys_fchdir(fd);
}

int __real_sys_symlinkat(const char *, int, const char *);
int __wrap_sys_symlinkat(const char *target, int dirfd, const char *path)
{
	return fault() ? -EIO : __real_sys_symlinkat(target, dirfd, path);
}

/* --- the scene ------------------------------------------------------------------------------------------------- */

void scene_check(int line, bool ok, const char *text)
{
	if (ok)
		return;
	(void)snprintf(shared->said, sizeof(shared->said), "line %d: %s (errno %d)", line, text, errno);
	_exit(1);
}

void scene_put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* The image and the sources that all scenes start with. */
static void make_image(void)
{
	static const char *const dirs[] = { BASE "/rootfs",        BASE "/rootfs/proc",  BASE "/rootfs/dev",
		                            BASE "/rootfs/sys",    BASE "/rootfs/etc",   BASE "/rootfs/tmp",
		                            BASE "/rootfs/hidden", BASE "/rootfs/fixed", BASE "/src",
		                            BASE "/src/dir",       BASE "/src/dir/sub" };

	/* Over /tmp: no directory of the machine is needed, or could be removed by somebody else meanwhile. */
	CHECK(mount("scene", "/tmp", "tmpfs", 0, NULL) == 0 && mkdir(BASE, 0755) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		CHECK(mkdir(dirs[i], 0755) == 0);
	CHECK(chmod(BASE "/rootfs/tmp", 01777) == 0);
	scene_put_file(BASE "/rootfs/etc/passwd", "root");
	scene_put_file(BASE "/rootfs/hidden/secret", "secret");
	scene_put_file(BASE "/rootfs/secret", "secret");
	scene_put_file(BASE "/src/dir/file", "source");
	scene_put_file(BASE "/src/file", "file");
	CHECK(mount("sub", BASE "/src/dir/sub", "tmpfs", 0, NULL) == 0);
}

static int make_proc(void)
{
	int context = sys_fsopen("proc", FSOPEN_CLOEXEC), proc;

	CHECK(context >= 0 && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0);
	proc = sys_fsmount(context, FSMOUNT_CLOEXEC, 0);
	CHECK(proc >= 0);
	close(context);
	return proc;
}

/* In the container's pid and mount namespaces. */
static void enter(const struct scene *scene, const struct rootfs_plan *plan, const struct rootfs_sources *sources,
                  int64_t countdown)
{
	struct rootfs_entry entry = { .wants_console = scene->wants_console, .proc = make_proc() };
	mode_t mask = umask(022);

	shared->countdown = countdown;
	shared->r = rootfs_enter(plan, sources, &entry, &shared->err);
	shared->countdown = -1;
	CHECK(umask(mask) == 022);
	if (shared->r >= 0 && scene->check)
		scene->check(&entry);
	_exit(0);
}

static void write_map(pid_t pid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	scene_put_file(path, "0 0 65536\n");
}

static int wait_for(pid_t pid)
{
	int status = -1;

	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void unshare_and_enter(const struct scene *scene, const struct rootfs_plan *plan,
                              const struct rootfs_sources *sources, int ready, int mapped, int64_t countdown)
{
	char byte = 0;
	pid_t pid;

	CHECK(unshare(CLONE_NEWNS | CLONE_NEWPID | (scene->has_userns ? CLONE_NEWUSER : 0)) == 0);
	CHECK(write(ready, "", 1) == 1 && read(mapped, &byte, 1) == 1);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		enter(scene, plan, sources, countdown);
	_exit(wait_for(pid));
}

size_t scene_read_mounts(char *buf, size_t size)
{
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t r;

	CHECK(fd >= 0);
	while ((r = read(fd, buf + n, size - 1 - n)) > 0)
		n += (size_t)r;
	buf[n] = '\0';
	close(fd);
	return n;
}

/* Everything but the container's child; ends with nothing of the container visible to the creator. */
static void create(const struct scene *scene)
{
	static char before[262144], after[262144];
	_autoarena_ struct arena arena = { 0 };
	const struct rootfs_request request = {
		.spec = &scene->spec, .root = BASE "/rootfs", .has_userns = scene->has_userns, .unified = scene->unified
	};
	struct rootfs_sources sources = { 0 };
	struct rootfs_plan *plan = NULL;
	int64_t countdown = shared->countdown;
	int ready[2], mapped[2];
	char byte;
	pid_t pid;

	shared->countdown = -1;
	shared->r = rootfs_plan(&arena, &request, &plan, &shared->err);
	shared->r = shared->r < 0 ? shared->r : rootfs_open_sources(plan, &sources, &shared->err);
	if (shared->r < 0)
		_exit(0);
	CHECK(pipe2(ready, O_CLOEXEC) == 0 && pipe2(mapped, O_CLOEXEC) == 0);
	(void)scene_read_mounts(before, sizeof(before));
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		unshare_and_enter(scene, plan, &sources, ready[1], mapped[0], countdown);
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	if (scene->has_userns) {
		write_map(pid, "uid_map");
		write_map(pid, "gid_map");
	}
	CHECK(write(mapped[1], "", 1) == 1);
	rootfs_close_sources(&sources);
	if (wait_for(pid) != 0)
		_exit(1);
	(void)scene_read_mounts(after, sizeof(after));
	CHECK(strcmp(before, after) == 0);
	_exit(0);
}

void scene_play(struct scene *scene)
{
	int64_t countdown = shared->countdown;
	int status = -1;
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	shared->countdown = countdown;
	scene->spec.linux = &scene->lin;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		make_image();
		if (scene->propagates)
			CHECK(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) == 0);
		CHECK(chdir(BASE "/rootfs") == 0);
		if (scene->prepare)
			scene->prepare();
		create(scene);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (shared->said[0])
		fail_msg("%s", shared->said);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	shared->countdown = -1;
}

void scene_play_well(struct scene *scene)
{
	scene_play(scene);
	if (shared->r < 0)
		fail_msg("%s", shared->err.text);
}

int scene_setup(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return -1;
	shared->countdown = -1;
	return 0;
}

int scene_teardown(void **state)
{
	(void)state;
	(void)munmap(shared, sizeof(*shared));
	shared = NULL;
	return 0;
}
