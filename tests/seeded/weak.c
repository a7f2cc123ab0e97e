/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runk, or the agent, with one defence switched off, to judge the gauntlet: linked from their own archives, with some
 * functions wrapped (the file `wrap-weak`). KATA_WEAK names the defence, none = the program as it is; KATA_WEAK=list
 * prints all names and ends. Nothing of this is in a product build.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/cgroups/bpf.h"
#include "agent/cgroups/v1_devices.h"
#include "agent/credentials.h"
#include "agent/mount/fsmount.h"
#include "agent/mount/target.h"
#include "agent/sysctl.h"
#include "lib/fd.h"
#include "lib/job.h"
#include "lib/selfexec.h"
#include "lib/sys.h"

static const char *const names[] = {
	"exact-dirs", "in-root",  "procfs-guard", "own-proc",      "device-filter", "read-only",
	"mask-dirs",  "own-null", "console",      "cwd",           "cap-list",      "inheritable",
	"setuid",     "dumpable", "self",         "keyring",       "masks",         "peer",
	"cap-drop",   "nonblock", "old-root",     "pid-namespace",
};

static bool is_off(const char *name)
{
	const char *off = getenv("KATA_WEAK");

	return off && strcmp(off, name) == 0;
}

#define WRAP(type, name, ...)                                                                                          \
	type __real_##name(__VA_ARGS__);                                                                               \
	type __wrap_##name(__VA_ARGS__);                                                                               \
	type __wrap_##name(__VA_ARGS__)

/* --- paths -------------------------------------------------------------------------------------------------------- */

WRAP(int, target_open, int root, const struct target_want *want, struct err *err)
{
	struct target_want changed = *want;

	if (is_off("exact-dirs"))
		changed.is_exact = false;
	return __real_target_open(root, &changed, err);
}

WRAP(int, target_open_exact_dir, int root, const char *path)
{
	if (is_off("exact-dirs"))
		return sys_openat2(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_IN_ROOT);
	return __real_target_open_exact_dir(root, path);
}

WRAP(int, target_check_procfs, int target, const char *path, struct err *err)
{
	return is_off("procfs-guard") ? 0 : __real_target_check_procfs(target, path, err);
}

/* What the plan says of it counts as little as what is found in the end. */
int __wrap_err_say(struct err *err, int num, const char *fmt, ...) _printf_(3, 4);
WRAP(int, err_say, struct err *err, int num, const char *fmt, ...)
{
	_autofree_ char *text = NULL;
	va_list ap;
	int n;

	if (is_off("procfs-guard") && strstr(fmt, "inside /proc"))
		return 0;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? -ENOMEM : __real_err_say(err, num, "%s", text);
}

/* A pipe of the image's is waited for. */
WRAP(int, sys_openat, int dirfd, const char *path, int flags, mode_t mode)
{
	if (is_off("nonblock") && strcmp(path, "etc/passwd") == 0)
		flags &= ~O_NONBLOCK;
	return __real_sys_openat(dirfd, path, flags, mode);
}

/* As a path string would be used: symlinks lead where the caller's root has them lead. */
WRAP(int, sys_openat2, int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	if (is_off("in-root") && (resolve & RESOLVE_IN_ROOT)) {
		path += strspn(path, "/");
		return __real_sys_openat2(dirfd, *path ? path : ".", flags, mode, 0);
	}
	if (is_off("console") && strcmp(path, "console") == 0)
		return __real_sys_openat2(dirfd, path, flags & ~(uint64_t)O_NOFOLLOW, mode, 0);
	return __real_sys_openat2(dirfd, path, flags, mode, resolve);
}

WRAP(int, sysctl_apply, int proc, const struct oci_pairs *sysctl, struct err *err)
{
	_autoclose_ int attached = is_off("own-proc") ? open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;

	return __real_sysctl_apply(attached >= 0 ? attached : proc, sysctl, err);
}

/* A volume (a detached tree, which has no path) passes for a procfs. */
WRAP(int, sys_fstatfs, int fd, struct statfs *st)
{
	char link[64], to[PATH_MAX] = "";
	int r = __real_sys_fstatfs(fd, st);

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (r == 0 && is_off("own-proc") && readlink(link, to, sizeof(to) - 1) > 0 && strcmp(to, "/") == 0)
		st->f_type = PROC_SUPER_MAGIC;
	return r;
}

/* --- /dev/null and masks ------------------------------------------------------------------------------------------ */

/* Whatever has that name passes for the device. */
WRAP(int, sys_fstatat, int dirfd, const char *path, struct stat *st, int flags)
{
	char link[64], to[PATH_MAX] = "";
	int r = __real_sys_fstatat(dirfd, path, st, flags);

	if (r < 0 || !is_off("own-null") || !(flags & AT_EMPTY_PATH) || *path)
		return r;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	if (readlink(link, to, sizeof(to) - 1) > 0 && (strstr(to, "/dev/null") || S_ISREG(st->st_mode))) {
		st->st_mode = S_IFCHR | 0666;
		st->st_rdev = makedev(1, 3);
	}
	return r;
}

WRAP(int, sys_open_tree, int dirfd, const char *path, unsigned flags)
{
	/* Where we stand is the container's root already. */
	if (is_off("own-null") && strcmp(path, "dev/null") == 0)
		return __real_sys_open_tree(AT_FDCWD, path, flags & ~(unsigned)AT_SYMLINK_NOFOLLOW);
	return __real_sys_open_tree(dirfd, path, flags);
}

static int masking_fs = -1;

WRAP(int, mount_fs_new, const struct mount_what *what, struct err *err)
{
	int fd = __real_mount_fs_new(what, err);

	if (fd >= 0 && strcmp(what->source, "masked") == 0)
		masking_fs = fd;
	return fd;
}

/* As binding /dev/null on a directory would fail, and be taken for "nothing to mask". */
WRAP(int, mount_attach, int mount, int target)
{
	if (is_off("mask-dirs") && mount == masking_fs)
		return 0;
	return __real_mount_attach(mount, target);
}

WRAP(int, sys_move_mount, int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
	char link[64], path[PATH_MAX] = "";

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", to_dirfd);
	if (is_off("masks") && readlink(link, path, sizeof(path) - 1) > 0 && strncmp(path, "/proc/", 6) == 0)
		return 0;
	return __real_sys_move_mount(from_dirfd, from, to_dirfd, to, flags);
}

WRAP(int, sys_mount_setattr, int dirfd, const char *path, unsigned flags, const struct sys_mount_attr *attr)
{
	struct sys_mount_attr changed = *attr;

	if (is_off("read-only"))
		changed.attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	return __real_sys_mount_setattr(dirfd, path, flags, &changed);
}

WRAP(int, sys_umount2, const char *target, int flags)
{
	return is_off("old-root") && strcmp(target, ".") == 0 ? 0 : __real_sys_umount2(target, flags);
}

/* --- devices ------------------------------------------------------------------------------------------------------ */

WRAP(int, cgroup_bpf_attach, int dir, const char *path, const struct oci_device_rule *rules, size_t n, struct err *err)
{
	return is_off("device-filter") ? 0 : __real_cgroup_bpf_attach(dir, path, rules, n, err);
}

WRAP(int, cgroup_v1_devices_apply, const struct cgroup_at *at, const struct oci_device_rule *rules, size_t n,
     struct err *err)
{
	return is_off("device-filter") ? 0 : __real_cgroup_v1_devices_apply(at, rules, n, err);
}

/* --- the process -------------------------------------------------------------------------------------------------- */

WRAP(int, job_child_prologue, int *keep, size_t n_keep)
{
	sigset_t none;

	if (!is_off("cwd"))
		return __real_job_child_prologue(keep, n_keep);
	(void)sys_signals_default();
	(void)sigemptyset(&none);
	return sys_sigprocmask(SIG_SETMASK, &none, NULL);
}

WRAP(int, sys_close_range, unsigned first, unsigned last, unsigned flags)
{
	return is_off("cwd") ? 0 : __real_sys_close_range(first, last, flags);
}

WRAP(ssize_t, sys_getcwd, char *buf, size_t n)
{
	ssize_t r = __real_sys_getcwd(buf, n);

	return r == -ENOENT && is_off("cwd") ? 2 : r;
}

static long last_cap(void)
{
	_autofree_ char *text = NULL;

	return fd_read_file_at(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", 16, &text, NULL) < 0 ? 63 : atol(text);
}

WRAP(int, sys_prctl, int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	if (option == PR_CAPBSET_READ && is_off("cap-list") && (long)a > last_cap())
		return -EINVAL;
	if (option == PR_SET_DUMPABLE && is_off("dumpable"))
		a = 1;
	return __real_sys_prctl(option, a, b, c, d);
}

WRAP(int, sys_capset, uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	return __real_sys_capset(effective, permitted, is_off("inheritable") ? permitted : inheritable);
}

WRAP(int, credentials_drop_bounding, uint64_t keep, struct err *err)
{
	return is_off("cap-drop") ? 0 : __real_credentials_drop_bounding(keep, err);
}

WRAP(pid_t, sys_clone3, const struct sys_clone_args *args)
{
	struct sys_clone_args changed = *args;

	if (is_off("pid-namespace"))
		changed.flags &= ~(uint64_t)CLONE_NEWPID;
	return __real_sys_clone3(&changed);
}

WRAP(int, sys_setuid, uid_t uid)
{
	return is_off("setuid") ? 0 : __real_sys_setuid(uid);
}

WRAP(int, sys_getsockopt, int fd, int level, int name, void *value, socklen_t *len)
{
	int r = __real_sys_getsockopt(fd, level, name, value, len);

	if (r == 0 && is_off("peer") && level == SOL_SOCKET && name == SO_PEERCRED)
		((struct ucred *)value)->uid = 0;
	return r;
}

WRAP(int, sys_join_session_keyring, const char *name)
{
	return is_off("keyring") ? 0 : __real_sys_join_session_keyring(name);
}

WRAP(int, selfexec_seal, enum selfexec_means means, char *const argv[], char *const envp[], struct err *err)
{
	return is_off("self") ? 0 : __real_selfexec_seal(means, argv, envp, err);
}

/* Before main, which knows no such option. */
__attribute__((constructor)) static void list(void)
{
	if (!is_off("list"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		puts(names[i]);
	(void)fflush(stdout);
	_exit(0);
}
