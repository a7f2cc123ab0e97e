/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A static program for the inside of containers: says what it inherited (style C6), or takes what it can get. Libc
 * only, no shell between it and the kernel that could set something right.
 *
 * - self: one "name value" line per property
 * - fds: opens files until the kernel says no, prints how many and why, then sleeps
 * - open FILE: opens it for reading; prints "ok" or the error's name
 * - flow PORT MIB: writes so many zeros to the host's vsock port; out MIB: to stdout
 * - relay PORT: carries stdin, a pipe as the agent makes them, to the host's vsock port, or nowhere (0)
 * - vsock CID PORT: "closed", "open" or "answered" by who listens there, or "no ERROR"
 * - try: what an ordinary container must not be able to do, one line each: "no NAME ERROR" or "got NAME"
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

#define GROUPS_MAX 64

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{ "cpu", RLIMIT_CPU },           { "fsize", RLIMIT_FSIZE },
	{ "data", RLIMIT_DATA },         { "stack", RLIMIT_STACK },
	{ "core", RLIMIT_CORE },         { "rss", RLIMIT_RSS },
	{ "nproc", RLIMIT_NPROC },       { "nofile", RLIMIT_NOFILE },
	{ "memlock", RLIMIT_MEMLOCK },   { "as", RLIMIT_AS },
	{ "locks", RLIMIT_LOCKS },       { "sigpending", RLIMIT_SIGPENDING },
	{ "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE },
	{ "rtprio", RLIMIT_RTPRIO },     { "rttime", RLIMIT_RTTIME },
};

static void print_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	printf("fds");
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
			printf(" %s", entry->d_name);
	printf("\n");
	if (dir)
		(void)closedir(dir);
}

/* The lines of /proc/self/status whose names are in the list, as they are. */
static void print_status(void)
{
	static const char *const wanted[] = { "SigBlk", "SigIgn", "SigCgt", "ShdPnd", "VmLck", "NoNewPrivs" };
	FILE *file = fopen("/proc/self/status", "re");
	char line[4096];

	while (file && fgets(line, sizeof(line), file))
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (strncmp(line, wanted[i], strlen(wanted[i])) == 0 && line[strlen(wanted[i])] == ':')
				printf("%s %s", wanted[i],
				       line + strlen(wanted[i]) + 1 + strspn(line + strlen(wanted[i]) + 1, "\t "));
	if (file)
		(void)fclose(file);
}

static void print_oom(void)
{
	FILE *file = fopen("/proc/self/oom_score_adj", "re");
	int value = -9999;

	if (file && fscanf(file, "%d", &value) != 1)
		value = -9999;
	printf("oom %d\n", value);
	if (file)
		(void)fclose(file);
}

static void print_limits(void)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit l;

		if (getrlimit((__rlimit_resource_t)limits[i].resource, &l) == 0)
			printf("limit-%s %lld:%lld\n", limits[i].name, (long long)l.rlim_cur, (long long)l.rlim_max);
	}
}

static void print_groups(void)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);

	printf("groups");
	for (int i = 0; i < n; i++)
		printf(" %u", groups[i]);
	printf("\n");
}

static int self(void)
{
	int value = -1;

	print_fds();
	print_status();
	print_oom();
	print_limits();
	print_groups();
	printf("umask %03o\n", umask(0));
	printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
	printf("policy %d\n", sched_getscheduler(0));
	printf("leads-session %d\n", getsid(0) == getpid() && getpgrp() == getpid());
	printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
	printf("personality %lx\n", (unsigned long)personality(0xffffffff));
	printf("death-signal %d\n", prctl(PR_GET_PDEATHSIG, &value) == 0 ? value : -1);
	printf("subreaper %d\n", prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 ? value : -1);
	printf("timer-slack %d\n", prctl(PR_GET_TIMERSLACK));
	printf("keyring %ld\n", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	return 0;
}

static void take_fds(void) __attribute__((noreturn));
static void take_fds(void)
{
	struct rlimit limit;
	long n = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		n++;
	printf("%s after many: %d\n", strerrorname_np(errno), n > 1000);
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}

static int try_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	printf("%s\n", fd >= 0 ? "ok" : strerrorname_np(errno));
	return 0;
}

static int connect_host(unsigned port)
{
	struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&host, sizeof(host)) < 0) {
		perror("probe: connect to the host");
		exit(1);
	}
	return fd;
}

static bool write_all(int fd, const char *data, ssize_t n)
{
	for (ssize_t w; n > 0; data += w, n -= w) {
		w = write(fd, data, (size_t)n);
		if (w <= 0)
			return false;
	}
	return true;
}

/* The yardstick for what carries a container's output: the same kernel and device, and nothing in between. */
static int flow(unsigned port, unsigned long mib)
{
	static char chunk[65536];
	int fd = connect_host(port);

	for (unsigned long left = mib << 20; left > 0;) {
		ssize_t n = write(fd, chunk, left < sizeof(chunk) ? left : sizeof(chunk));

		if (n <= 0) {
			perror("probe: write to the host");
			return 1;
		}
		left -= (unsigned long)n;
	}
	/* The host has them all once it says something. */
	return read(fd, chunk, 1) == 1 ? 0 : 1;
}

/* The same bytes from the same program for whoever reads our stdout. */
static int out(unsigned long mib)
{
	static char chunk[65536];

	for (unsigned long left = mib << 20; left > 0;) {
		ssize_t n = write(STDOUT_FILENO, chunk, left < sizeof(chunk) ? left : sizeof(chunk));

		if (n <= 0)
			return 1;
		left -= (unsigned long)n;
	}
	return 0;
}

/* What no agent can save: out of a pipe, to the host. */
static int relay(unsigned port)
{
	static char chunk[65536];
	int fd = port ? connect_host(port) : -1;
	ssize_t n;

	(void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, 256 << 10);
	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0)
		if (port && !write_all(fd, chunk, n))
			return 1;
	return n == 0 && (!port || read(fd, chunk, 1) == 1) ? 0 : 1;
}

/* Whether who listens there talks to us: he sends us away, or waits for what we have to say. */
static int try_vsock(unsigned cid, unsigned port)
{
	struct sockaddr_vm peer = { .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port };
	struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;
	ssize_t n;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&peer, sizeof(peer)) < 0) {
		printf("no %s\n", strerrorname_np(errno));
		return 0;
	}
	n = read(fd, &byte, 1);
	printf("%s\n", n < 0 && errno == EAGAIN ? "open" : n > 0 ? "answered" : "closed");
	return 0;
}

/* --- what must not work ------------------------------------------------------------------------------------------- */

static int try_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

/* A mask shows nothing: a file is empty, a directory too. */
static int try_see(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, &byte, 1);

	if (fd >= 0 && n < 0 && errno == EISDIR) {
		DIR *dir = fdopendir(fd);

		for (n = -2; dir && readdir(dir);)
			n++;
	}
	errno = n == 0 ? ENODATA : errno;
	return n > 0 ? 0 : -1;
}

static int try_device(mode_t type, unsigned major_nr, unsigned minor_nr)
{
	int fd = -1;

	if (mknod("/tmp/node", type | 0600, makedev(major_nr, minor_nr)) < 0)
		return -1;
	fd = open("/tmp/node", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	/* Not there is no answer of the filter's, but nothing was got. */
	(void)unlink("/tmp/node");
	return fd < 0 ? -1 : close(fd);
}

static void tell(const char *name, long r)
{
	if (r < 0)
		printf("no %s %s\n", name, strerrorname_np(errno));
	else
		printf("got %s\n", name);
}

static void try_files(void)
{
	static const char *const written[] = { "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
		                               "/proc/sys/kernel/hostname",     "/proc/irq/0/smp_affinity",
		                               "/sys/kernel/uevent_helper",     "/sys/kernel/profiling",
		                               "/proc/sys/vm/drop_caches",      "/sys/module/printk/parameters/time",
		                               "/sys/fs/cgroup/cgroup.procs" };
	static const char *const seen[] = { "/proc/keys", "/proc/kcore", "/proc/timer_list", "/sys/firmware",
		                            "/proc/acpi", "/proc/scsi",  "/dev/mem",         "/dev/kmsg",
		                            "/dev/vsock", "/dev/port" };

	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		tell(written[i], try_write(written[i]));
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		tell(seen[i], try_see(seen[i]));
}

/* A process that is neither ours nor our init is somebody else's. */
static int try_see_others(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir)))
		n += atoi(entry->d_name) > 1 && atoi(entry->d_name) != getpid();
	if (dir)
		(void)closedir(dir);
	errno = ENOENT;
	return n > 0 ? 0 : -1;
}

static int try_lower_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, "-900", 4);

	return n < 0 ? -1 : 0;
}

/* The newer way to mount, and what belongs to the machine. */
static void try_machine(void)
{
	static const uint64_t writable[4] = { 0, 1 /* MOUNT_ATTR_RDONLY */, 0, 0 };

	tell("open-tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */));
	tell("fsopen", syscall(SYS_fsopen, "proc", 0));
	tell("move-mount", syscall(SYS_move_mount, AT_FDCWD, "/sys", AT_FDCWD, "/tmp", 0));
	tell("mount-setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/sys", 0, writable, sizeof(writable)));
	tell("swapon", syscall(SYS_swapon, "/etc/passwd", 0));
	tell("acct", syscall(SYS_acct, "/etc/passwd"));
	tell("kexec", syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0UL));
	tell("syslog", syscall(SYS_syslog, 5 /* clear */, NULL, 0));
	tell("nice", setpriority(PRIO_PROCESS, 0, -5));
	tell("oom-score", try_lower_oom());
	tell("packet-socket", socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	tell("others", try_see_others());
}

static int try_all(void)
{
	tell("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
	tell("remount", mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL));
	tell("umount", umount2("/proc/keys", MNT_DETACH));
	tell("pivot", syscall(SYS_pivot_root, ".", "."));
	tell("ptrace-init", getpid() == 1 ? (errno = EPERM, -1) : ptrace(PTRACE_ATTACH, 1, NULL, NULL));
	tell("setns", unshare(CLONE_NEWNS));
	tell("hostname", sethostname("owned", 5));
	tell("clock", settimeofday(&(struct timeval){ 0 }, NULL));
	tell("chroot", chroot("/tmp"));
	tell("module", syscall(SYS_finit_module, 0, "", 0));
	tell("bpf", syscall(SYS_bpf, 5, NULL, 0));
	tell("raw-socket", socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1));
	tell("handle", syscall(SYS_open_by_handle_at, 3, NULL, O_RDONLY));
	tell("fd-3", fcntl(3, F_GETFD));
	tell("disk", try_device(S_IFBLK, 254, 0));
	tell("loop-disk", try_device(S_IFBLK, 7, 0));
	tell("memory", try_device(S_IFCHR, 1, 1));
	tell("kmsg", try_device(S_IFCHR, 1, 11));
	tell("fuse", try_device(S_IFCHR, 10, 229));
	tell("kvm", try_device(S_IFCHR, 10, 232));
	tell("vhost-vsock", try_device(S_IFCHR, 10, 241));
	tell("port", try_device(S_IFCHR, 1, 4));
	try_machine();
	try_files();
	printf("done\n");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "self") == 0)
		return self();
	if (argc == 2 && strcmp(argv[1], "try") == 0)
		return try_all();
	if (argc == 2 && strcmp(argv[1], "fds") == 0)
		take_fds();
	if (argc == 3 && strcmp(argv[1], "open") == 0)
		return try_open(argv[2]);
	if (argc == 4 && strcmp(argv[1], "flow") == 0)
		return flow((unsigned)strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "out") == 0)
		return out(strtoul(argv[2], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "relay") == 0)
		return relay((unsigned)strtoul(argv[2], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "vsock") == 0)
		return try_vsock((unsigned)strtoul(argv[2], NULL, 10), (unsigned)strtoul(argv[3], NULL, 10));
	fprintf(stderr, "usage: probe self|try|fds|open FILE|flow PORT MIB|out MIB|relay PORT|vsock CID PORT\n");
	return 2;
}
