/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/job.h"
#include "lib/sys.h"

#define KILLED_MS 5000 /* how long a killed program may take to die before it is left to whoever reaps */

enum stage {
	STAGE_PROLOGUE,
	STAGE_NETNS,
	STAGE_STDIO,
	STAGE_TERMINAL,
	STAGE_EXEC,
	STAGE_MAX,
};

static const char *const stage_texts[STAGE_MAX] = {
	[STAGE_PROLOGUE] = "prepare the process of",
	[STAGE_NETNS] = "enter the network namespace of",
	[STAGE_STDIO] = "set up stdio of",
	[STAGE_TERMINAL] = "take the terminal for",
	[STAGE_EXEC] = "run",
};

/* What the child says when it cannot become the program; silence and end of file mean that it did. */
struct failure {
	int num;
	enum stage stage;
};

static int place_fds(const struct spawn_spec *spec, int *report)
{
	int fds[3 + SPAWN_FDS_MAX], n = 3 + (int)spec->n_fds, r;

	/* All of them out of the way first: they may be any of the numbers that they become. */
	r = sys_fcntl(*report, F_DUPFD_CLOEXEC, n);
	if (r < 0)
		return r;
	*report = r;
	for (int i = 0; i < n; i++) {
		int fd = i < 3 ? spec->stdio[i] : spec->fds[i - 3];

		if (fd < 0)
			fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
		if (fd < 0)
			return fd;
		fds[i] = sys_fcntl(fd, F_DUPFD_CLOEXEC, n);
		if (fds[i] < 0)
			return fds[i];
	}
	for (int i = 0; i < n; i++) {
		r = sys_dup2(fds[i], i, false);
		if (r < 0)
			return r;
	}
	return 0;
}

static int prepare(const struct spawn_spec *spec, int report)
{
	int keep[5 + SPAWN_FDS_MAX] = { report, spec->stdio[0], spec->stdio[1], spec->stdio[2], spec->netns }, r;

	for (size_t i = 0; i < spec->n_fds; i++)
		keep[5 + i] = spec->fds[i];
	r = job_child_prologue(keep, 5 + spec->n_fds);
	if (r == 0 && spec->death_signal)
		r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (r == 0 && spec->new_session)
		r = sys_setsid();
	return r < 0 ? r : 0;
}

/* A terminal that is still another session's is taken away from it. */
static int take_terminal(void)
{
	int r = sys_ioctl(0, TIOCSCTTY, (void *)(uintptr_t)1);

	if (r >= 0)
		(void)fd_write_file_at(AT_FDCWD, "/proc/self/oom_score_adj", "0");
	return r < 0 ? r : 0;
}

/* Returns only if it failed. */
static struct failure become(const struct spawn_spec *spec, int *report)
{
	char *const no_env[] = { NULL };
	int r = prepare(spec, *report);

	if (r < 0)
		return (struct failure){ -r, STAGE_PROLOGUE };
	r = spec->netns > 0 ? sys_setns(spec->netns, CLONE_NEWNET) : 0;
	if (r < 0)
		return (struct failure){ -r, STAGE_NETNS };
	r = place_fds(spec, report);
	if (r < 0)
		return (struct failure){ -r, STAGE_STDIO };
	r = spec->interactive ? take_terminal() : 0;
	if (r < 0)
		return (struct failure){ -r, STAGE_TERMINAL };
	r = sys_execve(spec->path, spec->argv, spec->env ? spec->env : no_env);
	return (struct failure){ -r, STAGE_EXEC };
}

_Noreturn static void run_child(const struct spawn_spec *spec, int report)
{
	struct failure failure = become(spec, &report);

	(void)fd_write_all(report, &failure, sizeof(failure));
	_exit(127);
}

/* 0 when the exec was seen to work. */
static int read_failure(int fd, const struct spawn_spec *spec, struct err *err)
{
	struct failure failure;
	ssize_t n;

	do {
		n = sys_read(fd, &failure, sizeof(failure));
	} while (n == -EINTR);
	if (n == 0)
		return 0;
	if (n < 0)
		return err_set(err, (int)n, "wait for the start of '%s'", spec->path);
	if (n != sizeof(failure) || failure.stage < 0 || failure.stage >= STAGE_MAX)
		return err_say(err, EPROTO, "start '%s': its report makes no sense", spec->path);
	return err_set(err, failure.num, "%s '%s'", stage_texts[failure.stage], spec->path);
}

/* A pipe whose write end is out of the way of the child's stdio, even if we were started without one. */
static int open_report(int *ret_read, int *ret_write)
{
	_autoclose_ int low = -EBADF;
	int fds[2], r = sys_pipe2(fds, O_CLOEXEC);

	if (r < 0)
		return r;
	if (fds[1] < 3) {
		low = fds[1];
		fds[1] = sys_fcntl(low, F_DUPFD_CLOEXEC, 3);
		if (fds[1] < 0) {
			(void)fd_close(fds[0]);
			return fds[1];
		}
	}
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

/* A container's seccomp filter may know clone and not clone3, and answers ENOSYS then. */
static pid_t clone_program(int cgroup_fd, int *ret_pidfd)
{
	struct sys_clone_args args = { .cgroup_fd = cgroup_fd > 0 ? cgroup_fd : -EBADF, .ret_pidfd = ret_pidfd };
	pid_t pid = sys_clone3(&args);

	if (pid != -ENOSYS)
		return pid;
	pid = sys_fork();
	if (pid <= 0)
		return pid;
	*ret_pidfd = sys_pidfd_open(pid);
	if (*ret_pidfd >= 0)
		return pid;
	(void)sys_kill(pid, SIGKILL);
	(void)sys_waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED);
	return *ret_pidfd;
}

pid_t spawn_run(const struct spawn_spec *spec, int *ret_pidfd, struct err *err)
{
	_autoclose_ int ours = -EBADF, theirs = -EBADF, pidfd = -EBADF;
	pid_t pid;
	int r;

	if (spec->n_fds > SPAWN_FDS_MAX)
		return err_say(err, E2BIG, "start '%s': more than %d files to hand over", spec->path, SPAWN_FDS_MAX);
	r = open_report(&ours, &theirs);
	if (r < 0)
		return err_set(err, r, "start '%s': make a pipe", spec->path);
	pid = clone_program(spec->cgroup_fd, &pidfd);
	if (pid == 0)
		run_child(spec, theirs);
	if (pid < 0)
		return err_set(err, pid, "start '%s': fork", spec->path);
	fd_closep(&theirs);
	r = read_failure(ours, spec, err);
	if (r < 0) {
		(void)sys_pidfd_send_signal(pidfd, SIGKILL);
		(void)spawn_wait(pidfd, -1);
		return r;
	}
	*ret_pidfd = take_fd(&pidfd);
	return pid;
}

/* Waits at most timeout_ms (negative: for ever) for the end, and collects it. */
static int collect(int pidfd, int timeout_ms, int options, siginfo_t *ret)
{
	struct pollfd poll = { .fd = pidfd, .events = POLLIN };
	int r = 1;

	if (timeout_ms >= 0) {
		do {
			r = sys_poll(&poll, 1, timeout_ms);
		} while (r == -EINTR);
	}
	if (r <= 0)
		return r < 0 ? r : -ETIMEDOUT;
	do {
		r = sys_waitid(P_PIDFD, (id_t)pidfd, ret, options);
	} while (r == -EINTR);
	return r;
}

int spawn_wait(int pidfd, int timeout_ms)
{
	siginfo_t info;
	int r = collect(pidfd, timeout_ms, WEXITED, &info);

	if (r < 0)
		return r;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int spawn_wait_or_kill(int pidfd, int timeout_ms)
{
	int r = spawn_wait(pidfd, timeout_ms);

	if (r == -ETIMEDOUT) {
		(void)sys_pidfd_send_signal(pidfd, SIGKILL);
		(void)spawn_wait(pidfd, KILLED_MS);
	}
	return r;
}

/* --- apart ------------------------------------------------------------------------------------------------------- */

_Noreturn static void run_apart(int (*fn)(void *arg), void *arg, int fd)
{
	int r = fd_close_except(&fd, 1);

	/* Whoever reads what our caller writes waits for its end. */
	for (int i = 0; i < 3; i++)
		if (i != fd)
			(void)fd_close(i);
	if (r >= 0)
		r = sys_setsid();
	if (r >= 0)
		r = fn(arg);
	_exit(r < 0 ? -r : 0);
}

/* Nobody waits for those whose caller was not patient enough. */
static void collect_silent(void)
{
	siginfo_t info;

	while (sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WCLONE) > 0)
		;
}

/* Signals are blocked around the clone, so that none comes in between. */
static pid_t clone_apart(const struct sys_clone_args *args, int (*fn)(void *arg), void *arg, int fd)
{
	sigset_t all, before;
	pid_t pid;

	(void)sigfillset(&all);
	(void)sys_sigprocmask(SIG_BLOCK, &all, &before);
	pid = sys_clone3(args);
	if (pid == 0)
		run_apart(fn, arg, fd);
	(void)sys_sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

int spawn_apart(int (*fn)(void *arg), void *arg, int fd, int timeout_ms)
{
	_autoclose_ int pidfd = -EBADF;
	const struct sys_clone_args args = { .cgroup_fd = -EBADF, .ret_pidfd = &pidfd, .is_silent = true };
	siginfo_t info;
	pid_t pid;
	int r;

	collect_silent();
	pid = clone_apart(&args, fn, arg, fd);
	if (pid < 0)
		return pid;
	r = collect(pidfd, timeout_ms, WEXITED | __WALL, &info);
	if (r < 0)
		return r;
	return info.si_code == CLD_EXITED ? -info.si_status : -ECANCELED;
}
