/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "client/attach.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/pty.h"
#include "lib/sendfd.h"
#include "lib/spawn.h"
#include "lib/sys.h"
#include "runtime/ask.h"

#define ASK_MS      70000
#define LOST_STATUS (128 + SIGKILL)

int stdio_open_terminal(struct stdio *s, const char *console_socket, struct err *err)
{
	_autoclose_ int top = -EBADF;
	int r;

	if (!s->is_terminal && console_socket)
		return err_say(err, EINVAL, "container '%s': --console-socket without a terminal", s->cid);
	if (!s->is_terminal || (!console_socket && isatty(STDIN_FILENO)))
		return 0;
	if (!console_socket)
		return err_say(err, EINVAL, "container '%s': process.terminal needs --console-socket or a terminal",
		               s->cid);
	top = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (top < 0)
		return err_set(err, -top, "open '/'");
	r = pty_open_in(top, "dev/pts/ptmx", &s->master, &s->slave, err);
	return r < 0 ? r : sendfd_to(console_socket, "/dev/ptmx", s->master, err);
}

int stdio_take_answer(struct stdio *s, struct json_object *answer, struct err *err)
{
	const char *address = jsontext_text(answer, "agent");

	if (!*address)
		return err_say(err, EPROTO, "container '%s': the supervisor does not say where its agent is", s->cid);
	s->address = strdup(address);
	return s->address ? 0 : err_set(err, ENOMEM, "container '%s'", s->cid);
}

static int spawn(struct stdio *s, struct err *err)
{
	char *argv[] = { (char *)"kata-runtime",
		         (char *)"--root",
		         (char *)s->root,
		         (char *)"stdio",
		         s->address,
		         (char *)s->cid,
		         (char *)(s->eid ? s->eid : s->cid),
		         s->is_terminal ? (char *)"terminal" : NULL,
		         NULL };
	struct spawn_spec spec = { .path = "/proc/self/exe", .argv = argv, .stdio = { 0, 1, 2 } };

	if (s->slave >= 0) {
		spec.stdio[0] = spec.stdio[1] = spec.stdio[2] = s->slave;
		spec.new_session = spec.interactive = true;
	}
	s->pid = spawn_run(&spec, &s->pidfd, err);
	return s->pid < 0 ? s->pid : 0;
}

static int attach(const struct stdio *s, const struct view *v, struct err *err)
{
	_autojson_ struct json_object *request = ask_new("attach", s->cid);

	if (jsontext_add(request, "pid", json_object_new_int(s->pid)) < 0 ||
	    (s->eid && jsontext_add(request, "exec", json_object_new_string(s->eid)) < 0))
		return err_set(err, ENOMEM, "watch the stdio process of '%s'", s->cid);
	return view_ask(s->root, v, request, ASK_MS, NULL, err);
}

int stdio_start(struct stdio *s, const struct view *v, struct err *err)
{
	int r = 0;

	if (s->is_foreground)
		s->pid = getpid();
	else
		r = spawn(s, err);
	return r < 0 ? r : attach(s, v, err);
}

int stdio_reserve_pid_file(struct stdio *s, const char *path, struct err *err)
{
	static const char longest[] = "2147483647";
	int r;

	if (!path)
		return 0;
	s->pid_path = path;
	if (asprintf(&s->pid_new, "%s.%d", path, (int)getpid()) < 0)
		s->pid_new = NULL;
	if (!s->pid_new)
		return err_set(err, ENOMEM, "write the pid file '%s'", path);
	s->pid_fd = sys_openat(AT_FDCWD, s->pid_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	r = s->pid_fd < 0 ? s->pid_fd : fd_write_all(s->pid_fd, longest, strlen(longest));
	return r < 0 ? err_set(err, -r, "write the pid file '%s'", path) : 0;
}

int stdio_write_pid_file(struct stdio *s, struct err *err)
{
	char text[16];
	int r;

	if (s->pid_fd < 0)
		return 0;
	(void)snprintf(text, sizeof(text), "%d", (int)s->pid);
	r = sys_ftruncate(s->pid_fd, (off_t)strlen(text));
	if (r == 0)
		r = pwrite(s->pid_fd, text, strlen(text), 0) == (ssize_t)strlen(text) ? 0 : -errno;
	if (r == 0)
		r = sys_renameat(AT_FDCWD, s->pid_new, AT_FDCWD, s->pid_path);
	if (r < 0)
		return err_set(err, -r, "write the pid file '%s'", s->pid_path);
	free(take_ptr(&s->pid_new));
	return 0;
}

static void fill_signals(sigset_t *set)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

	(void)sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)sigaddset(set, numbers[i]);
}

void stdio_block_signals(void)
{
	sigset_t set;

	fill_signals(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

int stdio_open_signals(void)
{
	sigset_t set, blocked;

	fill_signals(&set);
	if (sigprocmask(SIG_BLOCK, NULL, &blocked) < 0 || !sigismember(&blocked, SIGINT))
		return -EBADF;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool stdio_is_interrupted(void)
{
	sigset_t pending, ours;

	fill_signals(&ours);
	return sigpending(&pending) == 0 && sigandset(&pending, &pending, &ours) == 0 && !sigisemptyset(&pending);
}

/* What a terminal sends it sends to our child too. */
static void hand_on_signals(int signals, int pidfd)
{
	struct signalfd_siginfo info;

	while (sys_read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_code != SI_KERNEL)
			(void)sys_pidfd_send_signal(pidfd, (int)info.ssi_signo);
}

static int wait_child(int pidfd)
{
	_autoclose_ int signals = -EBADF;
	sigset_t set;
	int r = 0;

	fill_signals(&set);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	while (signals >= 0 && r >= 0) {
		struct pollfd p[] = { { .fd = pidfd, .events = POLLIN }, { .fd = signals, .events = POLLIN } };

		r = sys_poll(p, ARRAY_SIZE(p), -1);
		if (r > 0 && p[1].revents)
			hand_on_signals(signals, pidfd);
		if (r > 0 && p[0].revents)
			break;
		r = r == -EINTR ? 0 : r;
	}
	return spawn_wait(pidfd, -1);
}

int stdio_wait(const struct stdio *s)
{
	if (s->is_foreground)
		return stdio_serve(s->root, s->address, s->cid, s->eid ? s->eid : s->cid, s->is_terminal);
	return wait_child(s->pidfd);
}

int stdio_noted_status(const char *root, const char *cid)
{
	_autoview_ struct view v = { .sandbox = NULL };

	if (view_open(root, cid, &v, NULL) < 0 || strcmp(jsontext_text(v.container, "status"), "stopped") != 0)
		return LOST_STATUS;
	return (int)(jsontext_number(v.container, "exit_code") & 0xff);
}

int stdio_serve(const char *root, const char *address, const char *cid, const char *eid, bool is_terminal)
{
	struct session session = { "kata-runtime", address, SESSION_TIMEOUT_UNSET, NULL };
	const struct attach_spec spec = {
		.cid = cid,
		.eid = eid,
		.interactive = true,
		.tty = is_terminal,
		.lost_status = LOST_STATUS,
	};
	int status = attach_run(&session, &spec, NULL, NULL);

	session_done(&session);
	/* On a busy machine the VM may have been ended before our own question was answered. */
	return status == LOST_STATUS && strcmp(cid, eid) == 0 ? stdio_noted_status(root, cid) : status;
}

void stdio_done(struct stdio *s)
{
	fd_closep(&s->master);
	fd_closep(&s->slave);
	fd_closep(&s->pidfd);
	fd_closep(&s->pid_fd);
	if (s->pid_new)
		(void)sys_unlinkat(AT_FDCWD, s->pid_new, 0);
	free(take_ptr(&s->pid_new));
	free(s->address);
	s->address = NULL;
}
