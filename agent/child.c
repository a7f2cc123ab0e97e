/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's order of effects, from clone to exec: the two tables below are that order. Declared in build.h.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/attributes.h"
#include "agent/build.h"
#include "agent/credentials.h"
#include "agent/listener.h"
#include "agent/lookup.h"
#include "agent/report.h"
#include "agent/sysctl.h"
#include "lib/fd.h"
#include "lib/hooks.h"
#include "lib/job.h"
#include "lib/oci_state.h"
#include "lib/pty.h"
#include "lib/sys.h"

#define KEEP_MAX 9 /* besides the sources of the rootfs */

#define EXIT_SETUP     1
#define EXIT_CANNOT    126 /* as a shell says it */
#define EXIT_NOT_FOUND 127

struct child {
	const struct child_setup *setup;
	const struct build_request *q;
	const struct oci_process *process;
	int stdio[3];
	struct rootfs_entry entry; /* our procfs, and the terminal */
	bool chdir_later;
	int report; /* where a failure is told */
	pid_t pid;  /* ours, as our creator knows it */
	char *program, **env;
};

typedef int (*stage)(struct child *c, struct err *err);

/* --- leaving our creator ------------------------------------------------------------------------------------------ */

static int detach(struct child *c, struct err *err)
{
	const struct child_setup *s = c->setup;
	const int fixed[KEEP_MAX] = { s->barrier,     c->q->park,
		                      c->q->report,   c->q->is_exec ? c->q->init_pidfd : -EBADF,
		                      c->q->stdio[0], c->q->stdio[1],
		                      c->q->stdio[2], c->q->late_report,
		                      s->listener };
	size_t n = KEEP_MAX + s->sources.n + c->q->preserve_fds;
	_autofree_ int *keep = malloc(n * sizeof(*keep));
	int r;

	if (!keep)
		return err_set(err, ENOMEM, "list the fds to keep");
	memcpy(keep, fixed, sizeof(fixed));
	if (s->sources.n > 0)
		memcpy(keep + KEEP_MAX, s->sources.fds, s->sources.n * sizeof(*keep));
	for (unsigned i = 0; i < c->q->preserve_fds; i++)
		keep[KEEP_MAX + s->sources.n + i] = (int)(3 + i);
	r = job_child_prologue(keep, n);
	if (r < 0)
		return err_set(err, r, "close the creator's fds");
	r = sys_setsid();
	return r < 0 ? err_set(err, r, "start a session") : 0;
}

/* Out of the way of 0 to 2, which may be the very ones that it becomes, in another order. */
static int save_stdio(struct child *c, struct err *err)
{
	for (int i = 0; i < 3 && !c->process->terminal; i++) {
		_autoclose_ int null = -EBADF;
		int r, fd = c->q->stdio[i];

		if (fd < 0)
			fd = null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY, 0);
		r = fd < 0 ? fd : sys_fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (r < 0)
			return err_set(err, r, "keep stdio fd %d", i);
		c->stdio[i] = r;
	}
	return 0;
}

static int reset(struct child *c, struct err *err)
{
	return credentials_reset(!c->q->keeps_keyring, err);
}

static int wait_mapped(struct child *c, struct err *err)
{
	struct child_mapped mapped = { 0 };
	struct iovec iov = { &mapped, sizeof(mapped) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = fd_receive_packet(c->setup->barrier, &msg, 0);

	if (n < 0)
		return err_set(err, (int)n, "wait for the creator");
	if (n != sizeof(mapped) || mapped.kind != CHILD_MAPPED)
		return err_say(err, EOWNERDEAD, "the creator of '%s' went away", c->q->id);
	c->pid = mapped.pid;
	(void)fd_close(c->setup->barrier);
	n = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return n < 0 ? err_set(err, (int)n, "make the child undumpable") : 0;
}

/* --- namespaces --------------------------------------------------------------------------------------------------- */

static int become_root(struct child *c, struct err *err)
{
	return c->setup->has_userns ? credentials_become_root(err) : 0;
}

static int make_cgroupns(struct child *c, struct err *err)
{
	int r = c->setup->new_cgroupns ? sys_unshare(CLONE_NEWCGROUP) : 0;

	return r < 0 ? err_set(err, r, "make a cgroup namespace") : 0;
}

static int set_names(struct child *c, struct err *err)
{
	const struct oci_spec *spec = c->q->spec;
	int r = 0;

	if (!c->setup->new_uts)
		return 0;
	if (spec->hostname && spec->hostname[0] != '\0')
		r = sys_sethostname(spec->hostname);
	if (r < 0)
		return err_set(err, r, "set hostname '%s'", spec->hostname);
	if (spec->domainname && spec->domainname[0] != '\0')
		r = sys_setdomainname(spec->domainname);
	return r < 0 ? err_set(err, r, "set domainname '%s'", spec->domainname) : 0;
}

static int loopback(struct child *c, struct err *err)
{
	return c->setup->new_net ? nspace_loopback_up(err) : 0;
}

/* Never attached anywhere: nothing that a container mounts can come between us and it. */
static int open_proc(struct child *c, struct err *err)
{
	_autoclose_ int fs = sys_fsopen("proc", FSOPEN_CLOEXEC);
	int r = fs < 0 ? fs : sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);

	if (r >= 0)
		r = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (r < 0)
		return err_set(err, r, "make a procfs of the container's pid namespace");
	c->entry.proc = r;
	return 0;
}

static int make_timens(struct child *c, struct err *err)
{
	if (!c->setup->late_timens)
		return 0;
	return attributes_make_timens(c->entry.proc, c->q->spec->linux->time_offsets, err);
}

static int listed_namespaces(const struct oci_linux *lin)
{
	int flags = 0;

	for (size_t i = 0; i < lin->n_namespaces; i++)
		flags |= lin->namespaces[i].flag;
	return flags;
}

/* Without a mount namespace of its own the container's root is only its processes'. */
static int open_their_root(const struct child *c, struct err *err)
{
	char path[64];
	int fd;

	if (oci_find_namespace(c->q->spec->linux, CLONE_NEWNS))
		return -EBADF;
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)c->q->init_pid);
	fd = sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	return fd < 0 ? err_set(err, fd, "open '%s'", path) : fd;
}

static int enter_their_root(int root, struct err *err)
{
	int r = sys_fchdir(root);

	r = r < 0 ? r : sys_chroot(".");
	return r < 0 ? err_set(err, r, "change the root to the container's") : 0;
}

static int enter_container(struct child *c, struct err *err)
{
	int flags = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;
	_autoclose_ int root = open_their_root(c, err);
	int r;

	if (root < 0 && root != -EBADF)
		return root;
	if (root < 0)
		flags |= CLONE_NEWNS;

	if (c->setup->has_userns)
		flags |= CLONE_NEWUSER;
	if (oci_find_namespace(c->q->spec->linux, CLONE_NEWTIME))
		flags |= CLONE_NEWTIME;
	r = sys_setns(c->q->init_pidfd, flags);
	/* In a user namespace, what the container shares with the machine is ours already and may not be joined. */
	if (r == -EPERM)
		r = sys_setns(c->q->init_pidfd, flags & listed_namespaces(c->q->spec->linux));
	(void)fd_close(c->q->init_pidfd);
	if (r == -ESRCH)
		return err_say(err, ESRCH, "join the namespaces of '%s': its init is gone", c->q->id);
	if (r < 0)
		return err_set(err, r, "join the namespaces of '%s'", c->q->id);
	return root >= 0 ? enter_their_root(root, err) : 0;
}

/* --- hooks -------------------------------------------------------------------------------------------------------- */

/* Hooks in the container are told the pid that they see themselves. */
static int run_hooks(const struct child *c, enum hook_kind kind, const char *status, struct err *err)
{
	const struct oci_state state = {
		.id = c->q->id,
		.status = status,
		.pid = sys_getpid(),
		.bundle = c->q->bundle,
		.annotations = &c->q->spec->annotations,
	};

	return hooks_run(hooks_of(c->q->spec, kind), kind, &state, c->q->hook_timeout_s, err);
}

static int meet_before_pivot(void *arg, struct err *err)
{
	struct child *c = arg;
	int r = c->q->stops_before_pivot ? report_mounted(c->q->report) : 0;

	if (r == -EPIPE) /* nobody will ever let us go */
		_exit(EXIT_SETUP);
	if (r < 0)
		return err_set(err, r, "wait for the hooks of '%s'", c->q->id);
	return run_hooks(c, HOOK_CREATE_CONTAINER, "creating", err);
}

static int enter_rootfs(struct child *c, struct err *err)
{
	struct rootfs_sources sources = c->setup->sources;
	int r;

	if (c->q->stops_before_pivot || hooks_of(c->q->spec, HOOK_CREATE_CONTAINER)->n > 0)
		c->entry.before_pivot = meet_before_pivot;
	c->entry.before_pivot_arg = c;
	c->entry.wants_console = c->process->terminal;
	r = rootfs_enter(c->q->rootfs, &sources, &c->entry, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sources.n; i++)
		(void)fd_close(sources.fds[i]);
	return 0;
}

static int set_sysctls(struct child *c, struct err *err)
{
	return sysctl_apply(c->entry.proc, &c->q->spec->linux->sysctl, err);
}

/* --- stdio and the working directory ------------------------------------------------------------------------------ */

static int open_terminal(struct child *c, struct err *err)
{
	_autoclose_ int root = -EBADF;

	if (!c->process->terminal)
		return 0;
	root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (root < 0)
		return err_set(err, root, "open '/'");
	return pty_open_in(root, "dev/pts/ptmx", &c->entry.master, &c->entry.slave, err);
}

static int use_terminal(struct child *c, struct err *err)
{
	const struct oci_process *p = c->process;
	int r = 0;

	if (!p->terminal)
		return 0;
	if (p->console_rows > 0 || p->console_columns > 0)
		r = pty_resize(c->entry.master, (unsigned short)p->console_rows, (unsigned short)p->console_columns);
	if (r < 0)
		return err_set(err, r, "set the terminal's size to %ux%u", p->console_columns, p->console_rows);
	r = sys_fchownat(c->entry.slave, "", p->user.uid, (gid_t)-1, AT_EMPTY_PATH);
	if (r < 0 && r != -EPERM && r != -EROFS && r != -EINVAL)
		return err_set(err, r, "give the terminal to uid '%u'", p->user.uid);
	r = report_console(c->q->report, c->entry.master);
	if (r < 0)
		return err_set(err, r, "hand the terminal over");
	c->entry.master = fd_close(c->entry.master);
	for (int i = 0; i < 3; i++) {
		c->stdio[i] = sys_fcntl(c->entry.slave, F_DUPFD_CLOEXEC, 3);
		if (c->stdio[i] < 0)
			return err_set(err, c->stdio[i], "use the terminal as fd %d", i);
	}
	c->entry.slave = fd_close(c->entry.slave);
	return 0;
}

static int set_stdio(struct child *c, struct err *err)
{
	int r;

	for (int i = 0; i < 3; i++) {
		r = sys_dup2(c->stdio[i], i, false);
		if (r < 0)
			return err_set(err, r, "set stdio fd %d", i);
		c->stdio[i] = fd_close(c->stdio[i]);
	}
	r = c->process->terminal ? sys_ioctl(0, TIOCSCTTY, NULL) : 0;
	return r < 0 ? err_set(err, r, "make the terminal the controlling one") : 0;
}

/* A directory that is outside of the root (CVE-2024-21626: /proc/self/fd/N of somebody's) has no path. */
static int check_cwd(const struct child *c, struct err *err)
{
	char path[PATH_MAX];
	ssize_t n = sys_getcwd(path, sizeof(path));

	if (n == -ENOENT)
		return err_say(err, EPERM, "working directory '%s' is outside of the container's root",
		               c->process->cwd);
	return n < 0 ? err_set(err, (int)n, "find out the working directory '%s'", c->process->cwd) : 0;
}

static int change_dir(struct child *c, struct err *err)
{
	int r = sys_chdir(c->process->cwd);

	/* It may be open to its user only (a home on NFS). */
	c->chdir_later = r == -EACCES || r == -EPERM;
	if (c->chdir_later)
		return 0;
	return r < 0 ? err_set(err, r, "go to the working directory '%s'", c->process->cwd) : check_cwd(c, err);
}

static int change_dir_as_user(struct child *c, struct err *err)
{
	int r;

	if (!c->chdir_later)
		return 0;
	r = sys_chdir(c->process->cwd);
	return r < 0 ? err_set(err, r, "go to the working directory '%s'", c->process->cwd) : check_cwd(c, err);
}

/* --- becoming the process ----------------------------------------------------------------------------------------- */

static const struct oci_capabilities *capabilities(const struct child *c)
{
	static const struct oci_capabilities none;
	const struct oci_process *own = c->q->spec->process;

	if (c->process->capabilities)
		return c->process->capabilities;
	/* An exec that says nothing gets what the container got. */
	return own && own->capabilities ? own->capabilities : &none;
}

/* While we are root: afterwards there is no right to do it, or a filter against it. */
static int set_attributes(struct child *c, struct err *err)
{
	const struct oci_cpu_affinity *affinity = c->q->is_exec ? c->process->exec_affinity : NULL;
	int r = attributes_set_affinity(affinity ? affinity->final : NULL, err);

	return r < 0 ? r : attributes_apply(c->process, c->q->spec->linux, err);
}

static int drop_bounding(struct child *c, struct err *err)
{
	return credentials_drop_bounding(capabilities(c)->bounding, err);
}

static int become_user(struct child *c, struct err *err)
{
	const struct oci_user *user = &c->process->user;

	(void)sys_umask(user->has_umask ? user->umask : 022);
	return credentials_become(user, err);
}

/* As the user, and before a filter could forbid the looking. */
static int find_program(struct child *c, struct err *err)
{
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int r = lookup_program(c->process->args.v[0], &c->process->env, &c->program, err);

	if (r < 0)
		return r;
	r = lookup_environment(&c->process->env, root, c->process->user.uid, &c->env);
	return r < 0 ? err_set(err, r, "make the environment") : 0;
}

static int set_labels(struct child *c, struct err *err)
{
	int r = label_apply(&c->setup->labels, c->entry.proc, c->process, err);

	c->entry.proc = fd_close(c->entry.proc);
	return r;
}

/* The last thing that opens nothing any more; CLOEXEC for all, whoever made them. */
static int seal_fds(struct child *c, struct err *err)
{
	unsigned handed_on = c->q->preserve_fds;
	int r = sys_close_range(3 + handed_on, UINT_MAX, CLOSE_RANGE_CLOEXEC);

	for (unsigned i = 0; i < handed_on && r >= 0; i++)
		r = fd_set_cloexec((int)(3 + i), false);
	return r < 0 ? err_set(err, r, "close fds at exec") : 0;
}

/* Late: a small RLIMIT_NOFILE or RLIMIT_FSIZE is meant for the program, not for the work on its behalf. */
static int set_limits(struct child *c, struct err *err)
{
	return credentials_limit(c->process, err);
}

static int describe_process(const struct child *c, struct buf *out)
{
	const struct build_request *q = c->q;
	const struct oci_state state = {
		.id = q->id,
		.status = q->is_exec ? "running" : "creating",
		.pid = q->is_exec ? q->init_pid : c->pid,
		.bundle = q->bundle,
		.annotations = &q->spec->annotations,
	};

	return oci_process_state_format(&state, c->pid, q->spec->linux->seccomp->listener_metadata, out);
}

/* Whatever the filter forbids or asks somebody about: afterwards there are only sendmsg and close to be done. */
static int load_filter(struct child *c, struct err *err)
{
	_autobuf_ struct buf text = BUF_INIT;
	_autoclose_ int listener = -EBADF;
	int r = c->setup->filter.notifies ? describe_process(c, &text) : 0;

	if (r < 0)
		return err_set(err, r, "describe the process to the seccomp agent");
	r = syscall_filter_load(&c->setup->filter, &listener, err);
	if (r < 0 || listener < 0)
		return r;
	r = listener_send(c->setup->listener, listener, &text, err);
	(void)fd_close(c->setup->listener);
	return r;
}

/* Without no_new_privs the kernel wants CAP_SYS_ADMIN, so it must come before the last drop. */
static int filter_as_root(struct child *c, struct err *err)
{
	int r;

	if (c->process->no_new_privileges || !c->setup->filter.code)
		return 0;
	r = credentials_raise(err);
	return r < 0 ? r : load_filter(c, err);
}

static int drop_capabilities(struct child *c, struct err *err)
{
	return credentials_apply(capabilities(c), err);
}

static int no_new_privileges(struct child *c, struct err *err)
{
	int r = c->process->no_new_privileges ? sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) : 0;

	return r < 0 ? err_set(err, r, "set no_new_privs") : 0;
}

#define FIRST_STAGES detach, save_stdio, reset
#define LAST_STAGES                                                                                                    \
	use_terminal, set_stdio, change_dir, set_attributes, drop_bounding, become_user, change_dir_as_user,           \
		find_program, set_labels, seal_fds, set_limits, filter_as_root, drop_capabilities, no_new_privileges

static const stage init_stages[] = {
	FIRST_STAGES, wait_mapped, become_root,  make_cgroupns, set_names,   open_proc,
	make_timens,  loopback,    enter_rootfs, set_sysctls,   LAST_STAGES,
};

/* The procfs is made while our mount namespace is still the agent's. */
static const stage exec_stages[] = {
	FIRST_STAGES, open_proc, wait_mapped, enter_container, become_root, open_terminal, LAST_STAGES,
};

static int run_stages(struct child *c, const stage *stages, size_t n, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = stages[i](c, err);
	return r;
}

static void fail(const struct child *c, const struct err *err, int status) __attribute__((noreturn));
static void fail(const struct child *c, const struct err *err, int status)
{
	(void)report_failed(c->report, err);
	_exit(status);
}

/* Silence after the release would mean that exec worked. */
static void park(const struct child *c)
{
	struct err err = ERR_INIT;
	char go;
	ssize_t n;

	do {
		n = sys_read(c->q->park, &go, 1);
	} while (n == -EINTR);
	if (n == 0 || (n > 0 && go != CHILD_GO)) /* nobody will ever let us go */
		_exit(EXIT_SETUP);
	if (n < 0) {
		(void)err_set(&err, (int)n, "wait for the release of '%s'", c->q->id);
		fail(c, &err, EXIT_SETUP);
	}
}

static void execute(struct child *c)
{
	struct err err = ERR_INIT;
	int r = c->q->is_exec ? 0 : run_hooks(c, HOOK_START_CONTAINER, "created", &err);

	if (r >= 0 && c->process->no_new_privileges)
		r = load_filter(c, &err);
	if (r < 0)
		fail(c, &err, EXIT_SETUP);
	r = sys_execve(c->program, c->process->args.v, c->env);
	/* It was there a moment ago. */
	if (r == -ENOENT)
		(void)err_say(&err, ENOENT, "execute '%s': its interpreter was not found", c->program);
	else
		(void)err_set(&err, r, "execute '%s'", c->program);
	fail(c, &err, r == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT);
}

void child_run(const struct child_setup *setup)
{
	const struct build_request *q = setup->request;
	struct child c = {
		.setup = setup,
		.q = q,
		.process = q->process,
		.report = q->report,
		.stdio = { -EBADF, -EBADF, -EBADF },
		.entry = { .proc = -EBADF, .master = -EBADF, .slave = -EBADF },
	};
	struct err err = ERR_INIT;
	int r;

	r = q->is_exec ? run_stages(&c, exec_stages, ARRAY_SIZE(exec_stages), &err)
	               : run_stages(&c, init_stages, ARRAY_SIZE(init_stages), &err);
	if (r < 0)
		fail(&c, &err, EXIT_SETUP);
	if (report_ready(q->report) < 0)
		_exit(EXIT_SETUP);
	park(&c);
	if (q->late_report >= 0)
		c.report = q->late_report;
	execute(&c);
	_exit(EXIT_CANNOT);
}
