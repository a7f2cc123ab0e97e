/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/boot.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "agent/modules.h"
#include "lib/fd.h"
#include "lib/mountinfo.h"
#include "lib/sys.h"

#define LIST_MAX    (1024 * 1024)
#define FDS_WANTED  65536
#define FILE_MAX    "9223372036854775807" /* LONG_MAX: none */
#define AUTO_ONLINE "/sys/devices/system/memory/auto_online_blocks"

struct boot_mount {
	const char *source, *target, *fstype;
	unsigned long flags;
	const char *data;
};

static const struct boot_mount mounts[] = {
	{ "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL },
	{ "sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL },
	{ "dev", "/dev", "devtmpfs", MS_NOSUID, NULL },
	{ "devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666" },
	{ "tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL },
	{ "tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755" },
	{ "tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777" },
};

/* /proc is not there before the first mount, so the question is asked of the mount itself. */
bool boot_is_mount_point(const char *path)
{
	struct stat here, above;
	char parent[64];

	(void)snprintf(parent, sizeof(parent), "%s/..", path);
	if (sys_fstatat(AT_FDCWD, path, &here, 0) < 0 || sys_fstatat(AT_FDCWD, parent, &above, 0) < 0)
		return false;
	return here.st_dev != above.st_dev;
}

static int mount_one(const struct boot_mount *m, struct err *err)
{
	int r;

	if (boot_is_mount_point(m->target))
		return 0;
	r = sys_mkdirat(AT_FDCWD, m->target, 0755);
	if (r < 0 && r != -EEXIST)
		return err_set(err, r, "make directory '%s'", m->target);
	if (strcmp(m->fstype, "devtmpfs") == 0)
		r = sys_mount_devtmpfs(m->target, m->flags);
	else
		r = sys_mount(m->source, m->target, m->fstype, m->flags, m->data);
	if (r < 0)
		return err_set(err, r, "mount '%s' on '%s'", m->fstype, m->target);
	return 0;
}

/* What is there may be replaced in our own guest only: a devtmpfs in a container is the machine's. */
static void link_in_dev(const char *target, const char *path)
{
	if (sys_owns_machine())
		(void)sys_unlinkat(AT_FDCWD, path, 0);
	(void)sys_symlinkat(target, AT_FDCWD, path);
}

int boot_mount(struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		int r = mount_one(&mounts[i], err);

		if (r < 0)
			return r;
	}
	/* A ptmx node would open the initial instance, which is not the one mounted above. */
	link_in_dev("pts/ptmx", "/dev/ptmx");
	link_in_dev("/proc/self/fd", "/dev/fd");
	link_in_dev("/proc/self/fd/0", "/dev/stdin");
	link_in_dev("/proc/self/fd/1", "/dev/stdout");
	link_in_dev("/proc/self/fd/2", "/dev/stderr");
	return 0;
}

static int load_module(struct console *console, const char *path, const char *cmdline)
{
	_autoclose_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	char parameters[4096];
	int r = modules_find_parameters(cmdline, path, parameters, sizeof(parameters));

	if (r >= 0)
		r = fd < 0 ? fd : sys_finit_module(fd, parameters, 0);

	/* No such device: it is for another hypervisor than this one. */
	if (r == -EEXIST || r == -ENODEV || r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		console_say(console, "Cannot load module '%s': %s, ignoring", path, strerror(-r));
	/* The first consoles appear in the middle of the list; the rest may take a while. */
	if (r >= 0 && strstr(path, "virtio_console"))
		console_open(console);
	return r < 0 ? 0 : 1;
}

int boot_load_modules(struct console *console, struct err *err)
{
	_autofree_ char *list = NULL, *cmdline = NULL, *release = NULL;
	int r = fd_read_file_at(AT_FDCWD, BOOT_MODULES_FILE, LIST_MAX, &list, NULL), n = 0;
	char *rest = list, *line;

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(err, r, "read '%s'", BOOT_MODULES_FILE);
	if (!sys_owns_machine())
		return 0;
	(void)fd_read_file_at(AT_FDCWD, "/proc/cmdline", LIST_MAX, &cmdline, NULL);
	if (fd_read_file_at(AT_FDCWD, "/proc/sys/kernel/osrelease", 256, &release, NULL) == 0 &&
	    modules_is_foreign(list, release)) {
		/* A kernel that has all it needs built in, as Kata's own: fifty failures would say no more. */
		console_say(console, "The modules are not of this kernel (%.*s): none is loaded",
		            (int)strcspn(release, "\n"), release);
		return 0;
	}
	while ((line = strsep(&rest, "\n")))
		if (*line == '/')
			n += load_module(console, line, cmdline ? cmdline : "");
	return n;
}

static int set_loopback_up(void)
{
	_autoclose_ int fd = sys_socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = { .ifr_name = "lo" };
	int r;

	if (fd < 0)
		return fd;
	r = sys_ioctl(fd, SIOCGIFFLAGS, &request);
	if (r < 0)
		return r;
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	return sys_ioctl(fd, SIOCSIFFLAGS, &request);
}

static void set_hostname(struct console *console)
{
	_autofree_ char *text = NULL;
	const char *name = "localhost";
	int r;

	if (fd_read_file_at(AT_FDCWD, "/etc/hostname", 4096, &text, NULL) == 0) {
		text[strcspn(text, " \t\n")] = '\0';
		if (text[0])
			name = text;
	}
	r = sys_sethostname(name);
	if (r < 0)
		console_say(console, "Cannot set the host name '%s': %s, ignoring", name, strerror(-r));
}

void boot_set_identity(struct console *console)
{
	int r;

	/* In the machine's own UTS namespace the name is the machine's. */
	if (sys_owns_machine() || !sys_is_initial_uts_ns())
		set_hostname(console);
	r = set_loopback_up();
	if (r < 0)
		console_say(console, "Cannot bring up 'lo': %s, ignoring", strerror(-r));
	(void)setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	(void)sys_setsid();
}

/* A thousand containers with their pipes need more than the kernel gives its first process. */
static void raise_fd_limit(struct console *console)
{
	struct rlimit limit;
	int r = sys_prlimit(RLIMIT_NOFILE, NULL, &limit);

	if (r >= 0 && limit.rlim_max < FDS_WANTED) {
		struct rlimit more = { FDS_WANTED, FDS_WANTED };

		r = sys_prlimit(RLIMIT_NOFILE, &more, NULL);
	} else if (r >= 0 && limit.rlim_cur < FDS_WANTED) {
		limit.rlim_cur = FDS_WANTED;
		r = sys_prlimit(RLIMIT_NOFILE, &limit, NULL);
	}
	if (r < 0)
		console_say(console, "Cannot raise the number of files to %d: %s, ignoring", FDS_WANTED, strerror(-r));
}

/*
 * Files of the whole guest: the kernel's limit goes by memory, and one container that reaches it keeps all others from
 * starting a program. Memory limits count open files too.
 */
static void lift_guest_fd_limit(struct console *console)
{
	_autoclose_ int fd = sys_open_machine_file("/proc/sys/fs/file-max", O_WRONLY);
	ssize_t n = fd < 0 ? fd : sys_write(fd, FILE_MAX, strlen(FILE_MAX));

	if (n < 0 && sys_owns_machine())
		console_say(console, "Cannot lift fs.file-max: %s, ignoring", strerror((int)-n));
}

/*
 * Memory that is plugged in later is used as soon as the kernel has found it, whenever the host asks for it: the blocks
 * of a DIMM come one by one. Not if the command line says what shall be done with them.
 */
static void use_new_memory(struct console *console)
{
	_autofree_ char *cmdline = NULL;
	_autoclose_ int fd = -EBADF;
	ssize_t n;

	if (fd_read_file_at(AT_FDCWD, "/proc/cmdline", LIST_MAX, &cmdline, NULL) == 0 &&
	    strstr(cmdline, "memhp_default_state="))
		return;
	fd = sys_open_machine_file(AUTO_ONLINE, O_WRONLY);
	n = fd < 0 ? fd : sys_write(fd, "online", strlen("online"));
	if (n < 0 && n != -ENOENT && sys_owns_machine())
		console_say(console, "Cannot have new memory used at once: %s, ignoring", strerror((int)-n));
}

static void say_what_is_missing(struct console *console, const struct cgroup_host *host)
{
	_autofree_ char *missing = NULL;

	if (!host->can_filter_devices)
		console_say(console,
		            "The kernel cannot filter devices: containers can open every device they can make");
	if (cgroup_find_missing(host, &missing) > 0)
		console_say(console, "The kernel lacks cgroup controllers: limits need %s", missing);
}

void boot_protect(struct console *console)
{
	struct err err = ERR_INIT;
	struct cgroup_host host;
	char root[] = CGROUP_ROOT;
	int r = sys_mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);

	if (r < 0)
		console_say(console, "Cannot lock memory: %s, ignoring", strerror(-r));
	r = fd_write_file_at(AT_FDCWD, "/proc/self/oom_score_adj", "-1000");
	if (r < 0)
		console_say(console, "Cannot lower oom_score_adj: %s, ignoring", strerror(-r));
	raise_fd_limit(console);
	lift_guest_fd_limit(console);
	use_new_memory(console);
	/* Orphans of containers come to us, also when we are not PID 1. */
	r = sys_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (r < 0)
		console_say(console, "Cannot become the reaper of orphans: %s, ignoring", strerror(-r));
	r = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (r < 0)
		console_say(console, "Cannot become undumpable: %s, ignoring", strerror(-r));
	/* Without cgroups there is no agent, but that is said when it makes the sandbox. */
	if (cgroup_host_init(&host, root, &err) < 0)
		return;
	if (cgroup_protect_self(&host, &err) < 0)
		console_say(console, "Cannot protect the agent's memory: %s, ignoring", err.text);
	say_what_is_missing(console, &host);
}
