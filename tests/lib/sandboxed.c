/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/sandboxed.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/mount/rootfs.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define DEADLINE_S 60
#define BUSYBOX    "/bin/busybox"

static int copy_file(const char *from, const char *to)
{
	_autoclose_ int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char buf[65536];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			return -1;
	return (int)n;
}

static int make_rootfs(void)
{
	static const char *const dirs[] = { "", "/bin", "/dev", "/proc", "/sys", "/tmp", "/etc", "/home", "/home/web" };
	static const char passwd[] = "root:x:0:0::/root:/bin/sh\nweb:x:1000:1000::/home/web:/bin/sh\n";
	_autoclose_ int fd = -EBADF;
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path, sizeof(path), SANDBOXED_ROOT "%s", dirs[i]);
		if (mkdir(path, 0755) < 0)
			return -1;
	}
	if (copy_file(BUSYBOX, SANDBOXED_ROOT "/bin/busybox") < 0 || symlink("busybox", SANDBOXED_ROOT "/bin/sh") < 0)
		return -1;
	fd = open(SANDBOXED_ROOT "/etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return write(fd, passwd, sizeof(passwd) - 1) < 0 ? -1 : chown(SANDBOXED_ROOT "/home/web", 1000, 1000);
}

/* As PID 1 of the new pid namespace; /tmp is ours, everything else of the machine is only looked at. */
static int make_world(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	if (mount("tmpfs", "/tmp", "tmpfs", 0, NULL) < 0 || mkdir("/tmp/world", 0755) < 0)
		return -1;
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		return -1;
	return make_rootfs();
}

/* A body that hangs is killed as PID 1, and with it everything that it started. */
static int wait_bounded(pid_t pid)
{
	_autoclose_ int pidfd = pid > 0 ? sys_pidfd_open(pid) : -EBADF;
	struct pollfd poll = { .fd = pidfd, .events = POLLIN };
	int status = 0, r = sys_poll(&poll, 1, DEADLINE_S * 1000);

	if (pidfd < 0)
		return 253;
	if (r != 1)
		(void)kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || r != 1)
		return 252;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int sandboxed_run(int (*body)(void))
{
	int status = 0;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) < 0)
			_exit(255);
		pid = fork();
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(make_world() < 0 ? 254 : body());
		}
		_exit(wait_bounded(pid));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 253;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int open_ends(struct sandboxed_process *p)
{
	int report[2], park[2], out[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (sys_socketpair(SOCK_SEQPACKET, report) < 0 || sys_socketpair(SOCK_STREAM, park) < 0 ||
	    sys_pipe2(out, O_CLOEXEC) < 0 || null < 0)
		return -errno;
	p->report = report[0];
	p->request.report = report[1];
	p->park = park[0];
	p->request.park = park[1];
	p->out = out[0];
	p->request.stdio[0] = null;
	p->request.stdio[1] = out[1];
	p->request.stdio[2] = fcntl(out[1], F_DUPFD_CLOEXEC, 3);
	return 0;
}

static void reset(struct sandboxed_process *p)
{
	*p = (struct sandboxed_process){
		.built = { .pid = -1, .pidfd = -EBADF },
		.report = -EBADF,
		.park = -EBADF,
		.out = -EBADF,
		.master = -EBADF,
		.request = { .init_pidfd = -EBADF,
		             .stdio = { -EBADF, -EBADF, -EBADF },
		             .park = -EBADF,
		             .late_report = -EBADF,
		             .report = -EBADF },
	};
	arena_init(&p->arena, 0);
}

int sandboxed_container(struct sandboxed_process *p, const char *json)
{
	struct rootfs_plan *plan = NULL;
	struct rootfs_request rootfs = { .root = SANDBOXED_ROOT, .unified = true };
	int r;

	reset(p);
	r = oci_spec_parse(&p->arena, json, strlen(json), &p->spec, &p->err);
	if (r < 0)
		return r;
	rootfs.spec = p->spec;
	rootfs.has_userns = oci_find_namespace(p->spec->linux, CLONE_NEWUSER);
	rootfs.has_cgroupns = oci_find_namespace(p->spec->linux, CLONE_NEWCGROUP);
	r = nspace_plan_paths(p->spec->linux, &p->nspaces, &p->err);
	if (r == 0)
		r = rootfs_plan(&p->arena, &rootfs, &plan, &p->err);
	if (r < 0)
		return r;
	p->request.id = "test";
	p->request.spec = p->spec;
	p->request.process = p->spec->process;
	p->request.rootfs = plan;
	p->request.nspaces = &p->nspaces;
	return open_ends(p);
}

int sandboxed_exec(struct sandboxed_process *p, const struct sandboxed_process *container, const char *json)
{
	struct oci_process *process = NULL;
	int r;

	reset(p);
	r = oci_process_parse(&p->arena, json, strlen(json), NULL, &process, &p->err);
	if (r < 0)
		return r;
	p->spec = container->spec;
	p->request.id = "test-exec";
	p->request.spec = container->spec;
	p->request.process = process;
	p->request.is_exec = true;
	p->request.init_pidfd = container->built.pidfd;
	return open_ends(p);
}

static void close_theirs(struct sandboxed_process *p)
{
	for (int i = 0; i < 3; i++)
		p->request.stdio[i] = fd_close(p->request.stdio[i]);
	p->request.park = fd_close(p->request.park);
	p->request.report = fd_close(p->request.report);
}

/* The next report that ends a phase: 0 = EOF, 1 = ready, -errno. */
static int next_report(struct sandboxed_process *p)
{
	struct child_report report;
	int fd, r;

	for (;;) {
		r = child_receive(p->report, &report, &fd);
		if (r <= 0)
			return r;
		if (report.kind == CHILD_CONSOLE)
			p->master = fd;
		else if (report.kind == CHILD_READY)
			return 1;
		else
			return err_copy(&p->err, &report.err);
	}
}

int sandboxed_build(struct sandboxed_process *p)
{
	int r = container_build(&p->request, &p->built, &p->err);

	close_theirs(p);
	if (r < 0) {
		(void)next_report(p);
		return r;
	}
	r = next_report(p);
	return r == 0 ? -EPIPE : r < 0 ? r : 0;
}

int sandboxed_release(struct sandboxed_process *p)
{
	if (write(p->park, "g", 1) != 1)
		return -errno;
	return next_report(p);
}

int sandboxed_read_line(struct sandboxed_process *p)
{
	while (!memchr(buf_str(&p->output), '\n', p->output.len)) {
		ssize_t n;

		if (buf_reserve(&p->output, 1) < 0)
			return -ENOMEM;
		n = read(p->master >= 0 ? p->master : p->out, p->output.data + p->output.len, 1);
		if (n <= 0)
			return -EPIPE;
		buf_commit(&p->output, 1);
	}
	return 0;
}

int sandboxed_wait(struct sandboxed_process *p)
{
	siginfo_t info;
	int from = p->master >= 0 ? p->master : p->out;
	ssize_t n;

	do {
		if (buf_reserve(&p->output, 4096) < 0)
			return -ENOMEM;
		n = read(from, p->output.data + p->output.len, 4096);
		if (n > 0)
			buf_commit(&p->output, (size_t)n);
	} while (n > 0);
	if (sys_waitid(P_PIDFD, (id_t)p->built.pidfd, &info, WEXITED) < 0)
		return -errno;
	p->built.pid = -1;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int sandboxed_whole(struct sandboxed_process *p, const char *json)
{
	int r = sandboxed_container(p, json);

	if (r == 0)
		r = sandboxed_build(p);
	if (r == 0)
		r = sandboxed_release(p);
	return r == 0 ? sandboxed_wait(p) : r;
}

void sandboxed_done(struct sandboxed_process *p)
{
	siginfo_t info;

	if (p->built.pid > 0) {
		(void)sys_pidfd_send_signal(p->built.pidfd, SIGKILL);
		(void)sys_waitid(P_PIDFD, (id_t)p->built.pidfd, &info, WEXITED);
	}
	close_theirs(p);
	p->built.pidfd = fd_close(p->built.pidfd);
	p->report = fd_close(p->report);
	p->park = fd_close(p->park);
	p->out = fd_close(p->out);
	p->master = fd_close(p->master);
	if (!p->request.is_exec)
		nspace_plan_close(&p->nspaces);
	buf_done(&p->output);
	arena_done(&p->arena);
}
