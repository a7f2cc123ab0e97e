/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kernel call of agent/ and lib/ goes through here: one function per call, named sys_<call>, returning what the
 * call returns or -errno. That is the seam for tests: unit tests wrap single functions (-Wl,--wrap=sys_mount), and the
 * fault build (-DSYS_FAULT) makes the k-th call fail, counted in memory that all children share.
 * The last group changes a whole machine; it answers EPERM unless we own the machine (sys_owns_machine).
 * Longer than a header may be: it is the list of all calls, and a list in two places is no list.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

/* What glibc's headers of Debian 12 do not have yet, under our own names. */
struct sys_mount_attr {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};

/* As the kernel has it since 3.14; glibc knows no call for it. */
struct sys_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* --- files and directories ------------------------------------------------------------------------------------- */

/* openat(2). */
int sys_openat(int dirfd, const char *path, int flags, mode_t mode);
/* openat2(2) with RESOLVE_* flags; EAGAIN is retried a bounded number of times. O_CLOEXEC is the caller's. */
int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
/* read(2). */
ssize_t sys_read(int fd, void *buf, size_t n);
/* pread(2). */
ssize_t sys_pread(int fd, void *buf, size_t n, off_t offset);
/* pwrite(2). */
ssize_t sys_pwrite(int fd, const void *buf, size_t n, off_t offset);
/* write(2). */
ssize_t sys_write(int fd, const void *buf, size_t n);
/* fcntl(2) with an integer argument. */
int sys_fcntl(int fd, int cmd, long arg);
/* dup3(2) with O_CLOEXEC, or dup2 without when cloexec is false. */
int sys_dup2(int fd, int to, bool cloexec);
/* close_range(2). */
int sys_close_range(unsigned first, unsigned last, unsigned flags);
/* pipe2(2). */
int sys_pipe2(int fds[2], int flags);
/* fstatat(2); AT_EMPTY_PATH with path "" looks at the fd itself. */
int sys_fstatat(int dirfd, const char *path, struct stat *st, int flags);
/* fstatfs(2). */
int sys_fstatfs(int fd, struct statfs *st);
/* mkdirat(2). */
int sys_mkdirat(int dirfd, const char *path, mode_t mode);
/* mknodat(2). */
int sys_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev);
/* symlinkat(2). */
int sys_symlinkat(const char *target, int dirfd, const char *path);
/* readlinkat(2). */
ssize_t sys_readlinkat(int dirfd, const char *path, char *buf, size_t n);
/* unlinkat(2). */
int sys_unlinkat(int dirfd, const char *path, int flags);
/* renameat(2). */
int sys_renameat(int from_dirfd, const char *from, int to_dirfd, const char *to);
/* fchmod(2). */
int sys_fchmod(int fd, mode_t mode);
/* fchmodat(2), follows symlinks: only for names that were just made. */
int sys_fchmodat(int dirfd, const char *path, mode_t mode);
/* fchownat(2); with AT_EMPTY_PATH on the fd itself. */
int sys_fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags);
/* futimens(2). */
int sys_futimens(int fd, const struct timespec times[2]);
/* flock(2). */
int sys_flock(int fd, int operation);
/* faccessat(2) without flags: by the real ids. */
int sys_faccessat(int dirfd, const char *path, int mode);
/* lseek(2). */
off_t sys_lseek(int fd, off_t offset, int whence);
/* ftruncate(2). */
int sys_ftruncate(int fd, off_t size);
/* fdopendir(3): takes the fd over on success only; *ret is closed with closedir. */
int sys_fdopendir(int fd, DIR **ret);
/* readdir(3): 1 and an entry, 0 at the end, -errno. */
int sys_readdir(DIR *dir, struct dirent **ret);
/* chdir by fd. */
int sys_fchdir(int fd);
/* chdir(2). */
int sys_chdir(const char *path);
/* chroot(2). */
int sys_chroot(const char *path);
/* getcwd(2) into buf; the length, or -ENOENT when outside of the root ("(unreachable)" is turned into that too). */
ssize_t sys_getcwd(char *buf, size_t n);
/* ioctl(2) with a pointer argument. */
int sys_ioctl(int fd, unsigned long request, void *arg);
/* memfd_create(2). */
int sys_memfd_create(const char *name, unsigned flags);
/* getxattr by path; the size. */
ssize_t sys_fgetxattr(int fd, const char *name, void *value, size_t n);
/* sync(2). */
void sys_sync(void);

/* --- mounts ---------------------------------------------------------------------------------------------------- */

/* mount(2). */
int sys_mount(const char *source, const char *target, const char *fstype, unsigned long flags, const void *data);
/* umount2(2). */
int sys_umount2(const char *target, int flags);
/* pivot_root(2). */
int sys_pivot_root(const char *new_root, const char *put_old);
/* open_tree(2); flags as OPEN_TREE_* and AT_*. */
int sys_open_tree(int dirfd, const char *path, unsigned flags);
/* move_mount(2). */
int sys_move_mount(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags);
/* mount_setattr(2). */
int sys_mount_setattr(int dirfd, const char *path, unsigned flags, const struct sys_mount_attr *attr);
/* fsopen(2). */
int sys_fsopen(const char *fstype, unsigned flags);
/* fsconfig(2). */
int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux);
/* fsmount(2). */
int sys_fsmount(int fd, unsigned flags, unsigned attr_flags);

/* --- processes and namespaces ---------------------------------------------------------------------------------- */

struct sys_clone_args {
	uint64_t flags;  /* CLONE_*; CLONE_PIDFD and CLONE_INTO_CGROUP follow from the members below */
	int cgroup_fd;   /* directory of a v2 cgroup to be born in, or -EBADF */
	int *ret_pidfd;  /* where the pidfd goes, or NULL */
	bool as_sibling; /* CLONE_PARENT: the child's parent is our parent */
	bool is_silent;  /* its end sends no SIGCHLD: only who waits with __WALL or __WCLONE sees it */
};

/* clone3(2) like fork: 0 in the child, the pid in the parent, -errno. */
pid_t sys_clone3(const struct sys_clone_args *args);
/* fork(2). */
pid_t sys_fork(void);
/* execve(2); returns only on failure. */
int sys_execve(const char *path, char *const argv[], char *const envp[]);
/* execveat(2) of an open file; returns only on failure. */
int sys_fexecve(int fd, char *const argv[], char *const envp[]);
/* waitid(2); 1 and *ret filled, 0 when nothing has changed (WNOHANG), -errno. */
int sys_waitid(idtype_t type, id_t id, siginfo_t *ret, int options);
/* kill(2). */
int sys_kill(pid_t pid, int sig);
/* getpid(2). */
pid_t sys_getpid(void);
/* geteuid(2). */
uid_t sys_geteuid(void);
/* umask(2); the old one. */
mode_t sys_umask(mode_t mask);
/* sigaction(2) for all signals: each gets its default handler. */
int sys_signals_default(void);
/* pidfd_open(2). */
int sys_pidfd_open(pid_t pid);
/* pidfd_send_signal(2). */
int sys_pidfd_send_signal(int pidfd, int sig);
/* unshare(2). */
int sys_unshare(int flags);
/* setns(2); the fd is a namespace file or a pidfd. */
int sys_setns(int fd, int flags);
/* prctl(2). */
int sys_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
/* setsid(2). */
int sys_setsid(void);
/* sethostname(2) in our UTS namespace. */
int sys_sethostname(const char *name);
/* setdomainname(2) in our UTS namespace. */
int sys_setdomainname(const char *name);
/* setresuid(2) with three times the same id. */
int sys_setuid(uid_t uid);
/* setresgid(2) with three times the same id. */
int sys_setgid(gid_t gid);
/* setgroups(2). */
int sys_setgroups(size_t n, const gid_t *groups);
/* prlimit(2) for the calling process; either pointer may be NULL. */
int sys_prlimit(int resource, const struct rlimit *limit, struct rlimit *ret_old);
/* prlimit(2) for another process. */
int sys_prlimit_of(pid_t pid, int resource, const struct rlimit *limit, struct rlimit *ret_old);
/* capget(2) for the calling thread. */
int sys_capget(uint64_t *ret_effective, uint64_t *ret_permitted, uint64_t *ret_inheritable);
/* capset(2) for the calling thread, 64 bits of each set. */
int sys_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
/* keyctl(KEYCTL_JOIN_SESSION_KEYRING). */
int sys_join_session_keyring(const char *name);
/* seccomp(2). */
int sys_seccomp(unsigned operation, unsigned flags, void *args);
/* bpf(2); the result (an fd for most commands). */
int sys_bpf(int cmd, void *attr, size_t size);
/* mlockall(2). */
int sys_mlockall(int flags);
/* mmap(2): n bytes of zeroes beside the heap; unmapped they are the kernel's again at once. 0 or -errno. */
int sys_mmap_anonymous(size_t n, void **ret);
/* munmap(2). */
int sys_munmap(void *start, size_t n);
/* setpriority(PRIO_PROCESS, 0, nice). */
int sys_setpriority(int nice);
/* sched_setscheduler to SCHED_OTHER with priority 0. */
int sys_sched_reset(void);
/* sched_setattr(2) for the calling thread. */
int sys_sched_setattr(const struct sys_sched_attr *attr);
/* sched_setaffinity(2) for the calling thread; a mask of n bytes. */
int sys_sched_setaffinity(const void *mask, size_t n);
/* ioprio_set(2) for the calling thread: the class in the bits from 13 on. */
int sys_ioprio_set(int ioprio);
/* personality(2). */
int sys_personality(unsigned long persona);

/* --- events, time, sockets ------------------------------------------------------------------------------------- */

/* epoll_create1(EPOLL_CLOEXEC). */
int sys_epoll_create(void);
/* epoll_ctl(2). */
int sys_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
/* epoll_wait(2). */
int sys_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms);
/* poll(2). */
int sys_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
/* signalfd(2), non-blocking and close-on-exec; fd -1 makes a new one. */
int sys_signalfd(int fd, const sigset_t *mask);
/* sigprocmask(2). */
int sys_sigprocmask(int how, const sigset_t *set, sigset_t *ret_old);
/* timerfd_create(CLOCK_MONOTONIC), non-blocking and close-on-exec. */
int sys_timerfd_create(void);
/* timerfd_settime(2), relative; 0 ns disarms. */
int sys_timerfd_arm(int fd, uint64_t nanoseconds);
/* clock_gettime(2) in nanoseconds; 0 if the clock does not exist. */
uint64_t sys_now(clockid_t clock);
/* Milliseconds of the monotonic clock, for deadlines. */
int64_t sys_now_ms(void);
/* eventfd2(2), non-blocking and close-on-exec. */
int sys_eventfd(void);
/* inotify_init1(IN_CLOEXEC | IN_NONBLOCK). */
int sys_inotify_init(void);
/* inotify_add_watch(2). */
int sys_inotify_add_watch(int fd, const char *path, uint32_t mask);
/* inotify_rm_watch(2). */
int sys_inotify_rm_watch(int fd, int wd);
/* socket(2). */
int sys_socket(int domain, int type, int protocol);
/* socketpair(2) of AF_UNIX, close-on-exec. */
int sys_socketpair(int type, int fds[2]);
/* bind(2). */
int sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
/* listen(2). */
int sys_listen(int fd, int backlog);
/* accept4(2) with SOCK_CLOEXEC | SOCK_NONBLOCK; addr may be NULL. */
int sys_accept(int fd, struct sockaddr *addr, socklen_t *len);
/* connect(2). */
int sys_connect(int fd, const struct sockaddr *addr, socklen_t len);
/* getpeername(2). */
int sys_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
/* shutdown(2). */
int sys_shutdown(int fd, int how);
/* getsockopt(2). */
int sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
/* setsockopt(2). */
int sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
/* sendmsg(2), always with MSG_NOSIGNAL. */
ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags);
/* recvmsg(2), always with MSG_CMSG_CLOEXEC. */
ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags);
/* sendfile(2) from where the file is. */
ssize_t sys_sendfile(int to, int from, size_t n);
/* splice(2) without offsets. */
ssize_t sys_splice(int from, int to, size_t n, unsigned flags);

/* --- the fence: calls that change the whole machine -------------------------------------------------------------- */

/* True if we are PID 1 of the initial pid namespace, a forked job of it, or our unit file said KATA_AGENT_GUEST=1. */
bool sys_owns_machine(void);
/* True if our UTS namespace is the machine's first one. */
bool sys_is_initial_uts_ns(void);
/* reboot(2); fenced. Inside a pid namespace that we are the init of it is let through: it ends that namespace only. */
int sys_reboot(int cmd);
/* adjtimex(2); fenced. */
int sys_adjtimex(struct timex *tx);
/* settimeofday(2); fenced. */
int sys_settimeofday(const struct timeval *tv);
/* swapon(2); fenced. */
int sys_swapon(const char *path, int flags);
/* finit_module(2); fenced. */
int sys_finit_module(int fd, const char *params, int flags);
/* Opens a file of the whole machine for writing (/sys/devices, /dev/random, sysctls without a namespace); fenced. */
int sys_open_machine_file(const char *path, int flags);
/* mount(2) of a devtmpfs, which is the machine's own; fenced. */
int sys_mount_devtmpfs(const char *target, unsigned long flags);
