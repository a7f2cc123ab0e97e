/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/flags.h"
#include "lib/oci_exec.h"
#include "lib/sendfd.h"
#include "lib/spawn.h"
#include "lib/sys.h"
#include "runk/builder.h"
#include "runk/console.h"

void launch_done(struct launch *l)
{
	fd_closep(&l->report);
	fd_closep(&l->park);
	if (l->result.pidfd >= 0 && !l->released) {
		(void)sys_pidfd_send_signal(l->result.pidfd, SIGKILL);
		(void)spawn_wait(l->result.pidfd, -1);
	}
	fd_closep(&l->result.pidfd);
	fd_closep(&l->master);
}

int launch_check_terminal(const struct launch_options *options, bool terminal, bool detach, struct err *err)
{
	if (terminal && detach && !options->console_socket)
		return err_say(err, EINVAL, "cannot allocate tty if runk will detach without setting console socket");
	if (options->console_socket && (!terminal || !detach))
		return err_say(err, EINVAL, "cannot use console socket if runk will not detach or allocate tty");
	return 0;
}

int launch_add_listen_env(struct arena *arena, struct oci_process *process, struct err *err)
{
	const char *given = getenv("LISTEN_FDS");
	const char *v[] = { NULL, "LISTEN_PID=1" };
	int64_t n;

	if (!given || flag_parse_number(given, &n) < 0 || n <= 0)
		return 0;
	v[0] = arena_printf(arena, "LISTEN_FDS=%s", given);
	if (!v[0] || oci_exec_add_env(arena, process, v, ARRAY_SIZE(v)) < 0)
		return err_set(err, ENOMEM, "tell of LISTEN_FDS");
	return 0;
}

static int open_sockets(struct launch *l, int theirs[2], struct err *err)
{
	int pair[2];
	int r = sys_socketpair(SOCK_SEQPACKET, pair);

	if (r < 0)
		return err_set(err, r, "make the report socket of '%s'", l->request.id);
	l->report = pair[0];
	theirs[0] = l->request.report = pair[1];
	if (l->request.park >= 0)
		return 0;
	r = sys_socketpair(SOCK_STREAM, pair);
	if (r < 0)
		return err_set(err, r, "make the park socket of '%s'", l->request.id);
	l->park = pair[0];
	theirs[1] = l->request.park = pair[1];
	return 0;
}

/* As engines know it from runc: they look for these words to tell a missing program from other failures. */
static int translate(const struct launch *l, const struct err *from, struct err *err)
{
	const char *name = l->request.process->args.v[0];
	bool is_lookup = strncmp(from->text, "the file ", 9) == 0;

	if (is_lookup && from->num == ENOENT && !strchr(name, '/'))
		return err_say(err, ENOENT,
		               "exec: \"%s\": executable file not found in $PATH: no such file or directory", name);
	if (is_lookup && from->num == ENOENT)
		return err_say(err, ENOENT, "exec: \"%s\": stat %s: no such file or directory", name, name);
	if (is_lookup && from->num == EACCES)
		return err_say(err, EACCES, "exec: \"%s\": permission denied", name);
	return err_copy(err, from);
}

/* The child's own words are better than the "broken pipe" of its creator. */
static int explain(struct launch *l, int r, struct err *err)
{
	struct child_report report;
	_autoclose_ int fd = -EBADF;

	if (fd_set_nonblock(l->report, true) == 0 && child_receive(l->report, &report, &fd) == 1 &&
	    report.kind == CHILD_FAILED && report.err.num != EOWNERDEAD)
		return translate(l, &report.err, err);
	return r;
}

int launch_build(struct launch *l, struct err *err)
{
	int theirs[2] = { -EBADF, -EBADF };
	_autoclose_ int pids = -EBADF;
	int r = open_sockets(l, theirs, err);

	if (l->request.is_exec)
		pids = sys_openat(AT_FDCWD, "/proc/self/ns/pid", O_RDONLY | O_CLOEXEC, 0);

	if (r == 0)
		r = builder_run(&l->request, &l->result, err);
	/*
	 * An exec's child had to be born in the container's pid namespace; nobody else shall be. LeakSanitizer's tracer
	 * was one, and waited for ever for a parent that it cannot see from there. Without privilege there is no way
	 * back.
	 */
	if (pids >= 0)
		(void)sys_setns(pids, CLONE_NEWPID);
	fd_closep(&theirs[0]);
	fd_closep(&theirs[1]);
	return r < 0 && l->report >= 0 ? explain(l, r, err) : r;
}

static int receive(struct launch *l, struct child_report *ret, struct err *err)
{
	_autoclose_ int fd = -EBADF;
	int r;

	do {
		r = child_receive(l->report, ret, &fd);
	} while (r == -EINTR);
	if (r < 0)
		return err_set(err, r, "receive the report of '%s'", l->request.id);
	if (r == 0 || ret->kind != CHILD_CONSOLE)
		return r;
	if (l->options->console_socket) {
		r = console_send(l->options->console_socket, fd, err);
	} else {
		/* Before the program can ask. */
		console_copy_size(fd);
		l->master = take_fd(&fd);
	}
	return r < 0 ? r : 1;
}

static int resume(struct launch *l, struct err *err)
{
	int r = l->mounted ? l->mounted(l->mounted_arg, err) : 0;

	if (r < 0)
		return r;
	r = child_resume(l->report);
	return r < 0 ? err_set(err, r, "let the process of '%s' go on", l->request.id) : 0;
}

int launch_wait_ready(struct launch *l, struct err *err)
{
	struct child_report report = { 0 };
	int r;

	do {
		r = receive(l, &report, err);
		if (r < 0)
			return r;
		if (r == 0)
			return err_say(err, EPIPE, "the process of '%s' ended before it was ready", l->request.id);
		if (report.kind == CHILD_FAILED)
			return translate(l, &report.err, err);
		r = report.kind == CHILD_MOUNTED ? resume(l, err) : 0;
		if (r < 0)
			return r;
	} while (report.kind != CHILD_READY);
	return 0;
}

static int send_pidfd(const struct launch *l, struct err *err)
{
	const char *path = l->options->pidfd_socket;
	_autoclose_ int socket = -EBADF;
	int r;

	if (!path)
		return 0;
	socket = sendfd_connect(path);
	r = socket < 0 ? socket : sendfd(socket, "pidfd", strlen("pidfd"), l->result.pidfd);
	return r < 0 ? err_set(err, r, "send the pidfd to '%s'", path) : 0;
}

int launch_write_pid_file(const struct launch *l, struct err *err)
{
	const char *path = l->options->pid_file;
	_autofree_ char *temporary = NULL;
	char text[16];
	int r, len = snprintf(text, sizeof(text), "%d", (int)l->result.pid);

	r = send_pidfd(l, err);
	if (r < 0 || !path)
		return r;
	if (asprintf(&temporary, "%s.runk", path) < 0)
		return err_set(err, ENOMEM, "write the pid file '%s'", path);
	{
		_autoclose_ int fd =
			sys_openat(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

		r = fd < 0 ? fd : fd_write_all(fd, text, (size_t)len);
	}
	r = r < 0 ? r : sys_renameat(AT_FDCWD, temporary, AT_FDCWD, path);
	return r < 0 ? err_set(err, r, "write the pid file '%s'", path) : 0;
}

int launch_let_go(struct launch *l, struct err *err)
{
	struct child_report report = { 0 };
	ssize_t n = sys_write(l->park, &(const char){ CHILD_GO }, 1);
	int r;

	if (n < 0)
		return err_set(err, (int)n, "release the process of '%s'", l->request.id);
	r = receive(l, &report, err);
	if (r > 0)
		return translate(l, &report.err, err);
	if (r == 0)
		l->released = true;
	return r;
}
