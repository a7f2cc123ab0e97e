/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/supervise.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "runk/console.h"
#include "runk/notify.h"

int supervise_start(struct supervisor *s, bool subreaper, struct err *err)
{
	sigset_t all;
	int r;

	*s = (struct supervisor){ .signals = -EBADF, .notify = -EBADF };
	(void)sigfillset(&all);
	r = sys_sigprocmask(SIG_BLOCK, &all, &s->saved);
	if (r == 0)
		r = s->signals = sys_signalfd(-1, &all);
	if (r >= 0 && subreaper)
		r = sys_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return r < 0 ? err_set(err, r, "prepare to wait for the process") : 0;
}

void supervise_done(struct supervisor *s)
{
	fd_closep(&s->notify);
	if (s->signals < 0)
		return;
	(void)sys_sigprocmask(SIG_SETMASK, &s->saved, NULL);
	s->signals = fd_close(s->signals);
}

/* All that ended, since a subreaper's orphans do not tell whose they were; true once it was ours. */
static bool reap(pid_t pid, int *ret_status)
{
	bool found = false;
	siginfo_t info;

	while (sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG) > 0) {
		if (info.si_pid != pid)
			continue;
		*ret_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
		found = true;
	}
	return found;
}

static bool is_for_us(unsigned signo)
{
	return signo == SIGCHLD || signo == SIGWINCH || signo == SIGURG || signo == SIGPIPE;
}

/* Takes in the signals that came; true when the process has ended. */
static bool take_signals(struct supervisor *s, pid_t pid, int pidfd, struct console *console, int *ret_status)
{
	struct signalfd_siginfo info;
	bool ended = false;

	while (sys_read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			ended |= reap(pid, ret_status);
		else if (info.ssi_signo == SIGWINCH && console)
			console_copy_size(console->master);
		else if (!is_for_us(info.ssi_signo))
			(void)sys_pidfd_send_signal(pidfd, (int)info.ssi_signo);
	}
	return ended;
}

/* Once is enough, and who cannot be told must not end the container. */
static void take_notice(struct supervisor *s, pid_t pid)
{
	if (notify_forward(s->notify, pid, NULL) != 0)
		fd_closep(&s->notify);
}

static int wait_loop(struct supervisor *s, pid_t pid, int pidfd, struct console *console, struct err *err)
{
	struct pollfd fds[6] = { { .fd = s->signals, .events = POLLIN }, { .events = POLLIN } };
	int r, status = 0;
	/* It may have ended before the first signal is looked at. */
	bool ended = reap(pid, &status);

	while (!ended) {
		size_t n = 2 + (console ? console_poll(console, fds + 2) : 0);

		fds[1].fd = s->notify;

		r = sys_poll(fds, n, -1);
		if (r < 0 && r != -EINTR)
			return err_set(err, r, "wait for the process");
		if (fds[0].revents)
			ended = take_signals(s, pid, pidfd, console, &status);
		if (fds[1].revents)
			take_notice(s, pid);
		if (console)
			console_move(console, fds + 2, n - 2);
	}
	if (console)
		console_drain(console);
	return status;
}

int supervise_wait(struct supervisor *s, pid_t pid, int pidfd, int master, struct err *err)
{
	struct console console = { .master = -EBADF };
	int r = master >= 0 ? console_start(&console, master, err) : 0;

	if (r == 0)
		r = wait_loop(s, pid, pidfd, master >= 0 ? &console : NULL, err);
	console_stop(&console);
	return r;
}
