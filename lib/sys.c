/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/sendfile.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/sys_fault.h"

#define OPENAT2_TRIES  32 /* EAGAIN means a rename raced with the walk; an attacker may rename forever */
#define INITIAL_PID_NS 4026531836U
#define INITIAL_UTS_NS 4026531838U

/* Turns the C library's -1 into -errno and gives the fault build its chance. */
#define CALL(name, expr)                                                                                               \
	({                                                                                                             \
		long r_ = sys_fault(name);                                                                             \
		if (r_ == 0) {                                                                                         \
			r_ = (long)(expr);                                                                             \
			if (r_ < 0)                                                                                    \
				r_ = -errno;                                                                           \
		}                                                                                                      \
		r_;                                                                                                    \
	})

int sys_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return (int)CALL("openat", openat(dirfd, path, flags, mode));
}

int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .mode = mode, .resolve = resolve };
	int r = -EAGAIN;

	for (int i = 0; i < OPENAT2_TRIES && r == -EAGAIN; i++)
		r = (int)CALL("openat2", syscall(SYS_openat2, dirfd, path, &how, sizeof(how)));
	return r;
}

ssize_t sys_read(int fd, void *buf, size_t n)
{
	return CALL("read", read(fd, buf, n));
}

ssize_t sys_pread(int fd, void *buf, size_t n, off_t offset)
{
	return CALL("pread", pread(fd, buf, n, offset));
}

ssize_t sys_pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	return CALL("pwrite", pwrite(fd, buf, n, offset));
}

ssize_t sys_write(int fd, const void *buf, size_t n)
{
	return CALL("write", write(fd, buf, n));
}

int sys_fcntl(int fd, int cmd, long arg)
{
	return (int)CALL("fcntl", fcntl(fd, cmd, arg));
}

int sys_dup2(int fd, int to, bool cloexec)
{
	return (int)CALL("dup", cloexec ? dup3(fd, to, O_CLOEXEC) : dup2(fd, to));
}

int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)CALL("close_range", syscall(SYS_close_range, first, last, flags));
}

int sys_pipe2(int fds[2], int flags)
{
	return (int)CALL("pipe2", pipe2(fds, flags));
}

int sys_fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	return (int)CALL("fstatat", fstatat(dirfd, path, st, flags));
}

int sys_fstatfs(int fd, struct statfs *st)
{
	return (int)CALL("fstatfs", fstatfs(fd, st));
}

int sys_mkdirat(int dirfd, const char *path, mode_t mode)
{
	return (int)CALL("mkdirat", mkdirat(dirfd, path, mode));
}

int sys_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
	return (int)CALL("mknodat", mknodat(dirfd, path, mode, dev));
}

int sys_symlinkat(const char *target, int dirfd, const char *path)
{
	return (int)CALL("symlinkat", symlinkat(target, dirfd, path));
}

ssize_t sys_readlinkat(int dirfd, const char *path, char *buf, size_t n)
{
	return CALL("readlinkat", readlinkat(dirfd, path, buf, n));
}

int sys_unlinkat(int dirfd, const char *path, int flags)
{
	return (int)CALL("unlinkat", unlinkat(dirfd, path, flags));
}

int sys_renameat(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	return (int)CALL("renameat", renameat(from_dirfd, from, to_dirfd, to));
}

int sys_fchmod(int fd, mode_t mode)
{
	return (int)CALL("fchmod", fchmod(fd, mode));
}

int sys_fchmodat(int dirfd, const char *path, mode_t mode)
{
	return (int)CALL("fchmodat", fchmodat(dirfd, path, mode, 0));
}

int sys_fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags)
{
	return (int)CALL("fchownat", fchownat(dirfd, path, uid, gid, flags));
}

int sys_futimens(int fd, const struct timespec times[2])
{
	return (int)CALL("futimens", futimens(fd, times));
}

int sys_flock(int fd, int operation)
{
	return (int)CALL("flock", flock(fd, operation));
}

int sys_faccessat(int dirfd, const char *path, int mode)
{
	return (int)CALL("faccessat", faccessat(dirfd, path, mode, 0));
}

off_t sys_lseek(int fd, off_t offset, int whence)
{
	return CALL("lseek", lseek(fd, offset, whence));
}

int sys_ftruncate(int fd, off_t size)
{
	return (int)CALL("ftruncate", ftruncate(fd, size));
}

int sys_fdopendir(int fd, DIR **ret)
{
	int r = sys_fault("fdopendir");
	DIR *dir;

	if (r < 0)
		return r;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	*ret = dir;
	return 0;
}

int sys_readdir(DIR *dir, struct dirent **ret)
{
	int r = sys_fault("readdir");
	struct dirent *entry;

	if (r < 0)
		return r;
	errno = 0;
	entry = readdir(dir);
	if (!entry)
		return -errno;
	*ret = entry;
	return 1;
}

int sys_fchdir(int fd)
{
	return (int)CALL("fchdir", fchdir(fd));
}

int sys_chdir(const char *path)
{
	return (int)CALL("chdir", chdir(path));
}

int sys_chroot(const char *path)
{
	return (int)CALL("chroot", chroot(path));
}

ssize_t sys_getcwd(char *buf, size_t n)
{
	ssize_t r = CALL("getcwd", syscall(SYS_getcwd, buf, n));

	/* The raw call answers "(unreachable)/..." for a directory outside of the root, where the C library fails. */
	return r > 0 && buf[0] != '/' ? -ENOENT : r;
}

int sys_ioctl(int fd, unsigned long request, void *arg)
{
	return (int)CALL("ioctl", ioctl(fd, request, arg));
}

int sys_memfd_create(const char *name, unsigned flags)
{
	return (int)CALL("memfd_create", memfd_create(name, flags));
}

ssize_t sys_fgetxattr(int fd, const char *name, void *value, size_t n)
{
	return CALL("fgetxattr", fgetxattr(fd, name, value, n));
}

void sys_sync(void)
{
	sync();
}

int sys_mount(const char *source, const char *target, const char *fstype, unsigned long flags, const void *data)
{
	return (int)CALL("mount", mount(source, target, fstype, flags, data));
}

int sys_umount2(const char *target, int flags)
{
	return (int)CALL("umount2", umount2(target, flags));
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)CALL("pivot_root", syscall(SYS_pivot_root, new_root, put_old));
}

int sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	return (int)CALL("open_tree", syscall(SYS_open_tree, dirfd, path, flags));
}

int sys_move_mount(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
	return (int)CALL("move_mount", syscall(SYS_move_mount, from_dirfd, from, to_dirfd, to, flags));
}

int sys_mount_setattr(int dirfd, const char *path, unsigned flags, const struct sys_mount_attr *attr)
{
	return (int)CALL("mount_setattr", syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof(*attr)));
}

int sys_fsopen(const char *fstype, unsigned flags)
{
	return (int)CALL("fsopen", syscall(SYS_fsopen, fstype, flags));
}

int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
	return (int)CALL("fsconfig", syscall(SYS_fsconfig, fd, cmd, key, value, aux));
}

int sys_fsmount(int fd, unsigned flags, unsigned attr_flags)
{
	return (int)CALL("fsmount", syscall(SYS_fsmount, fd, flags, attr_flags));
}

pid_t sys_clone3(const struct sys_clone_args *args)
{
	int pidfd = -EBADF;
	struct clone_args raw = {
		.flags = args->flags | (args->as_sibling ? CLONE_PARENT : 0) | (args->ret_pidfd ? CLONE_PIDFD : 0) |
		         (args->cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = args->ret_pidfd ? (uint64_t)(uintptr_t)&pidfd : 0,
		/* The kernel refuses an exit signal with CLONE_PARENT: the child inherits ours. */
		.exit_signal = args->as_sibling || args->is_silent ? 0 : SIGCHLD,
		.cgroup = args->cgroup_fd >= 0 ? (uint64_t)args->cgroup_fd : 0,
	};
	pid_t pid = (pid_t)CALL("clone3", syscall(SYS_clone3, &raw, sizeof(raw)));

	if (pid > 0 && args->ret_pidfd)
		*args->ret_pidfd = pidfd;
	return pid;
}

pid_t sys_fork(void)
{
	return (pid_t)CALL("fork", fork());
}

int sys_execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)CALL("execve", execve(path, argv, envp));
}

int sys_fexecve(int fd, char *const argv[], char *const envp[])
{
	return (int)CALL("execveat", syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH));
}

int sys_waitid(idtype_t type, id_t id, siginfo_t *ret, int options)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = (int)CALL("waitid", waitid(type, id, ret, options));
	if (r < 0)
		return r;
	return ret->si_pid != 0;
}

int sys_kill(pid_t pid, int sig)
{
	return (int)CALL("kill", kill(pid, sig));
}

pid_t sys_getpid(void)
{
	return getpid();
}

uid_t sys_geteuid(void)
{
	return geteuid();
}

mode_t sys_umask(mode_t mask)
{
	return umask(mask);
}

int sys_signals_default(void)
{
	/* All zeroes is SIG_DFL in the kernel's struct of every architecture. */
	static const unsigned long action[8];
	int r = sys_fault("sigaction");

	/*
	 * The C library refuses to set the two signals that it keeps for itself, but its posix_spawn ignores them in
	 * what it starts (make, systemd): hence the kernel's own call. KILL and STOP cannot be set, which is as good.
	 */
	for (int sig = 1; r == 0 && sig < _NSIG; sig++)
		(void)syscall(SYS_rt_sigaction, sig, action, NULL, (size_t)_NSIG / 8);
	return r;
}

int sys_pidfd_open(pid_t pid)
{
	return (int)CALL("pidfd_open", syscall(SYS_pidfd_open, pid, 0));
}

int sys_pidfd_send_signal(int pidfd, int sig)
{
	return (int)CALL("pidfd_send_signal", syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}

int sys_unshare(int flags)
{
	return (int)CALL("unshare", unshare(flags));
}

int sys_setns(int fd, int flags)
{
	return (int)CALL("setns", setns(fd, flags));
}

int sys_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return (int)CALL("prctl", prctl(option, a, b, c, d));
}

int sys_setsid(void)
{
	return (int)CALL("setsid", setsid());
}

int sys_sethostname(const char *name)
{
	return (int)CALL("sethostname", sethostname(name, strlen(name)));
}

int sys_setdomainname(const char *name)
{
	return (int)CALL("setdomainname", setdomainname(name, strlen(name)));
}

int sys_setuid(uid_t uid)
{
	return (int)CALL("setresuid", setresuid(uid, uid, uid));
}

int sys_setgid(gid_t gid)
{
	return (int)CALL("setresgid", setresgid(gid, gid, gid));
}

int sys_setgroups(size_t n, const gid_t *groups)
{
	/* Not the C library's: that one signals all threads, and there is one. */
	return (int)CALL("setgroups", syscall(SYS_setgroups, n, groups));
}

int sys_prlimit(int resource, const struct rlimit *limit, struct rlimit *ret_old)
{
	return (int)CALL("prlimit", prlimit(0, (enum __rlimit_resource)resource, limit, ret_old));
}

int sys_prlimit_of(pid_t pid, int resource, const struct rlimit *limit, struct rlimit *ret_old)
{
	return (int)CALL("prlimit", prlimit(pid, (enum __rlimit_resource)resource, limit, ret_old));
}

int sys_capget(uint64_t *ret_effective, uint64_t *ret_permitted, uint64_t *ret_inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 } };
	int r = (int)CALL("capget", syscall(SYS_capget, &header, data));

	if (r < 0)
		return r;
	*ret_effective = data[0].effective | (uint64_t)data[1].effective << 32;
	*ret_permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	*ret_inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	return 0;
}

int sys_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32) },
	};

	return (int)CALL("capset", syscall(SYS_capset, &header, data));
}

int sys_join_session_keyring(const char *name)
{
	return (int)CALL("keyctl", syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name, 0, 0, 0));
}

int sys_seccomp(unsigned operation, unsigned flags, void *args)
{
	return (int)CALL("seccomp", syscall(SYS_seccomp, operation, flags, args));
}

int sys_bpf(int cmd, void *attr, size_t size)
{
	return (int)CALL("bpf", syscall(SYS_bpf, cmd, attr, size));
}

int sys_mlockall(int flags)
{
	return (int)CALL("mlockall", mlockall(flags));
}

int sys_mmap_anonymous(size_t n, void **ret)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *start = NULL;
	long r = CALL("mmap", (long)(start = mmap(NULL, n, PROT_READ | PROT_WRITE, flags, -1, 0)));

	if (r < 0)
		return (int)r;
	*ret = start;
	return 0;
}

int sys_munmap(void *start, size_t n)
{
	return (int)CALL("munmap", munmap(start, n));
}

int sys_setpriority(int nice)
{
	return (int)CALL("setpriority", setpriority(PRIO_PROCESS, 0, nice));
}

int sys_sched_reset(void)
{
	struct sched_param param = { .sched_priority = 0 };

	return (int)CALL("sched_setscheduler", sched_setscheduler(0, SCHED_OTHER, &param));
}

int sys_sched_setattr(const struct sys_sched_attr *attr)
{
	return (int)CALL("sched_setattr", syscall(SYS_sched_setattr, 0, attr, 0));
}

int sys_sched_setaffinity(const void *mask, size_t n)
{
	return (int)CALL("sched_setaffinity", syscall(SYS_sched_setaffinity, 0, n, mask));
}

int sys_ioprio_set(int ioprio)
{
	return (int)CALL("ioprio_set", syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, ioprio));
}

int sys_personality(unsigned long persona)
{
	return (int)CALL("personality", personality(persona));
}

int sys_epoll_create(void)
{
	return (int)CALL("epoll_create1", epoll_create1(EPOLL_CLOEXEC));
}

int sys_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	return (int)CALL("epoll_ctl", epoll_ctl(epfd, op, fd, event));
}

int sys_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	return (int)CALL("epoll_wait", epoll_wait(epfd, events, max, timeout_ms));
}

int sys_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	return (int)CALL("poll", poll(fds, n, timeout_ms));
}

int sys_signalfd(int fd, const sigset_t *mask)
{
	return (int)CALL("signalfd", signalfd(fd, mask, SFD_CLOEXEC | SFD_NONBLOCK));
}

int sys_sigprocmask(int how, const sigset_t *set, sigset_t *ret_old)
{
	return (int)CALL("sigprocmask", sigprocmask(how, set, ret_old));
}

int sys_timerfd_create(void)
{
	return (int)CALL("timerfd_create", timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

int sys_timerfd_arm(int fd, uint64_t nanoseconds)
{
	struct itimerspec spec = {
		.it_value = { .tv_sec = (time_t)(nanoseconds / 1000000000),
		              .tv_nsec = (long)(nanoseconds % 1000000000) },
	};

	return (int)CALL("timerfd_settime", timerfd_settime(fd, 0, &spec, NULL));
}

uint64_t sys_now(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int64_t sys_now_ms(void)
{
	return (int64_t)(sys_now(CLOCK_MONOTONIC) / 1000000);
}

int sys_eventfd(void)
{
	return (int)CALL("eventfd2", eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

int sys_inotify_init(void)
{
	return (int)CALL("inotify_init1", inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
}

int sys_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	return (int)CALL("inotify_add_watch", inotify_add_watch(fd, path, mask));
}

int sys_inotify_rm_watch(int fd, int wd)
{
	return (int)CALL("inotify_rm_watch", inotify_rm_watch(fd, wd));
}

int sys_socket(int domain, int type, int protocol)
{
	return (int)CALL("socket", socket(domain, type | SOCK_CLOEXEC, protocol));
}

int sys_socketpair(int type, int fds[2])
{
	return (int)CALL("socketpair", socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds));
}

int sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)CALL("bind", bind(fd, addr, len));
}

int sys_listen(int fd, int backlog)
{
	return (int)CALL("listen", listen(fd, backlog));
}

int sys_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)CALL("accept4", accept4(fd, addr, len, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

int sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)CALL("connect", connect(fd, addr, len));
}

int sys_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)CALL("getpeername", getpeername(fd, addr, len));
}

int sys_shutdown(int fd, int how)
{
	return (int)CALL("shutdown", shutdown(fd, how));
}

int sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return (int)CALL("getsockopt", getsockopt(fd, level, name, value, len));
}

int sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return (int)CALL("setsockopt", setsockopt(fd, level, name, value, len));
}

ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return CALL("sendmsg", sendmsg(fd, msg, flags | MSG_NOSIGNAL));
}

ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return CALL("recvmsg", recvmsg(fd, msg, flags | MSG_CMSG_CLOEXEC));
}

ssize_t sys_sendfile(int to, int from, size_t n)
{
	return CALL("sendfile", sendfile(to, from, NULL, n));
}

ssize_t sys_splice(int from, int to, size_t n, unsigned flags)
{
	return CALL("splice", splice(from, NULL, to, NULL, n, flags));
}

static bool is_initial_ns(const char *path, ino_t initial)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_ino == initial;
}

static bool is_initial_pid_ns(void)
{
	return is_initial_ns("/proc/self/ns/pid", INITIAL_PID_NS);
}

bool sys_is_initial_uts_ns(void)
{
	return is_initial_ns("/proc/self/ns/uts", INITIAL_UTS_NS);
}

/*
 * True where PID 1 is this very program: for the forked jobs of the agent, and for us as the kernel's modprobe. Not
 * every child of PID 1 is one: orphans are its children too.
 */
static bool is_of_init(void)
{
	struct stat ours, init;

	return is_initial_pid_ns() && stat("/proc/self/exe", &ours) == 0 && stat("/proc/1/exe", &init) == 0 &&
	       ours.st_dev == init.st_dev && ours.st_ino == init.st_ino;
}

bool sys_owns_machine(void)
{
	const char *said = getenv("KATA_AGENT_GUEST");

	if (getpid() == 1)
		return is_initial_pid_ns();
	return (said && strcmp(said, "1") == 0) || is_of_init();
}

/* The answer is not kept: it differs between the agent and what it forks. */
static int fence(const char *call)
{
	int r = sys_fault(call);

	if (r < 0)
		return r;
	return sys_owns_machine() ? 0 : -EPERM;
}

int sys_reboot(int cmd)
{
	int r = fence("reboot");

	if (r < 0 && !(r == -EPERM && getpid() == 1))
		return r;
	return reboot(cmd) < 0 ? -errno : 0;
}

int sys_adjtimex(struct timex *tx)
{
	int r = fence("adjtimex");

	if (r < 0)
		return r;
	r = adjtimex(tx);
	return r < 0 ? -errno : r;
}

int sys_settimeofday(const struct timeval *tv)
{
	int r = fence("settimeofday");

	if (r < 0)
		return r;
	return settimeofday(tv, NULL) < 0 ? -errno : 0;
}

int sys_swapon(const char *path, int flags)
{
	int r = fence("swapon");

	if (r < 0)
		return r;
	return swapon(path, flags) < 0 ? -errno : 0;
}

int sys_finit_module(int fd, const char *params, int flags)
{
	int r = fence("finit_module");

	if (r < 0)
		return r;
	return syscall(SYS_finit_module, fd, params, flags) < 0 ? -errno : 0;
}

int sys_open_machine_file(const char *path, int flags)
{
	int r = fence("open_machine_file");

	if (r < 0)
		return r;
	r = open(path, flags | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

int sys_mount_devtmpfs(const char *target, unsigned long flags)
{
	int r = fence("mount_devtmpfs");

	if (r < 0)
		return r;
	return mount("dev", target, "devtmpfs", flags, NULL) < 0 ? -errno : 0;
}
