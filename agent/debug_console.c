/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/debug_console.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/acceptor.h"
#include "agent/gate.h"
#include "agent/sandbox.h"
#include "agent/shell.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/pty.h"
#include "lib/sys.h"

#define BACKLOG     16
#define GATE_METHOD "DebugConsole"
#define TTY_PATH    "/dev/console"

struct debug_console {
	struct sandbox *sandbox;
	struct acceptor acceptor;
	struct list sessions;
	unsigned n_sessions;
};

/* One way of the bytes. */
struct way {
	uint8_t data[DEBUG_CONSOLE_CHUNK];
	size_t begin, end;
};

struct session {
	struct list link; /* in console->sessions */
	struct debug_console *console;
	struct loop_source client, master; /* fds -EBADF once it has ended */
	struct way in, out;                /* to the shell, to the client */
	struct reaper_child child;
	struct loop_deferred turn;
	struct job kill;
	pid_t pid;
	int pidfd;
	bool is_over;    /* the shell is gone: what is left is written, then it ends */
	bool has_ended;  /* fds are closed */
	bool was_killed; /* the job is done, nobody is left */
	bool is_reaped;
};

static struct loop *loop_of(const struct session *s)
{
	return s->console->sandbox->env.loop;
}

static struct session *session_free(struct session *s)
{
	job_cancel(&s->kill);
	reaper_remove(&s->child);
	loop_remove(&s->client);
	loop_remove(&s->master);
	fd_closep(&s->client.fd);
	fd_closep(&s->master.fd);
	fd_closep(&s->pidfd);
	list_remove(&s->turn.link);
	list_remove(&s->link);
	s->console->n_sessions--;
	free(s);
	return NULL;
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static int run_kill(void *arg, struct job_reply *reply, struct err *err)
{
	const struct session *s = arg;

	(void)reply;
	return shell_kill_session(s->pid, err);
}

static void on_killed(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct session *s = container_of(job, struct session, kill);

	(void)reply;
	if (r < 0)
		log_warning("console", "Cannot end what a session has left: %s", err_text(err));
	s->was_killed = true;
	loop_defer(loop_of(s), &s->turn);
}

/* The connection and the terminal go at once, which hangs the shell up; the rest of its session is killed in a job. */
static void end(struct session *s, const char *why)
{
	struct err err = ERR_INIT;

	if (s->has_ended)
		return;
	log_info("console", "Session of process %d ends: %s", (int)s->pid, why);
	s->has_ended = true;
	loop_remove(&s->client);
	loop_remove(&s->master);
	if (s->client.fd >= 0)
		(void)sys_shutdown(s->client.fd, SHUT_RDWR);
	fd_closep(&s->client.fd);
	fd_closep(&s->master.fd);
	if (!s->is_reaped)
		(void)sys_pidfd_send_signal(s->pidfd, SIGKILL);
	s->kill = (struct job){ .name = "console", .run = run_kill, .arg = s, .done = on_killed };
	if (job_start(&s->console->sandbox->env, &s->kill, &err) < 0) {
		log_warning("console", "Cannot end what a session has left: %s", err_text(&err));
		s->was_killed = true;
	}
	loop_defer(loop_of(s), &s->turn);
}

static void on_exited(struct reaper_child *child, int code)
{
	struct session *s = container_of(child, struct session, child);

	log_debug("console", "Shell %d has ended with %d", (int)s->pid, code);
	s->is_reaped = s->is_over = true;
	loop_defer(loop_of(s), &s->turn);
}

/* --- the bytes --------------------------------------------------------------------------------------------------- */

/* 0, -EAGAIN when the source has nothing now, -EPIPE at its end, or another -errno. */
static int fill(struct way *way, int fd)
{
	ssize_t n;

	if (way->begin < way->end)
		return 0;
	n = sys_read(fd, way->data, sizeof(way->data));
	if (n <= 0)
		return n == 0 ? -EPIPE : n == -EINTR ? -EAGAIN : (int)n;
	way->begin = 0;
	way->end = (size_t)n;
	return 0;
}

/* 0 when nothing is left, -EAGAIN when the sink is full, or another -errno. */
static int drain(struct way *way, int fd)
{
	while (way->begin < way->end) {
		ssize_t n = sys_write(fd, way->data + way->begin, way->end - way->begin);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		way->begin += (size_t)n;
	}
	return 0;
}

/* One chunk a turn each way: a program that never stops writing must not keep the agent from its other work. */
static int pump(struct session *s)
{
	int in = fill(&s->in, s->client.fd), out;

	if (in < 0 && in != -EAGAIN)
		return in;
	in = drain(&s->in, s->master.fd);
	if (in < 0 && in != -EAGAIN && in != -EIO)
		return in;
	/* A terminal that nobody has open answers EIO; before the shell has opened it and while it ends that is no
	 * fault. */
	out = fill(&s->out, s->master.fd);
	if (out < 0 && out != -EAGAIN && out != -EIO)
		return out;
	if (out < 0 && s->is_over)
		return -ESHUTDOWN;
	out = drain(&s->out, s->client.fd);
	return out == -EAGAIN ? 0 : out;
}

static void on_turn(struct loop_deferred *deferred)
{
	struct session *s = container_of(deferred, struct session, turn);
	bool in, out;
	int r;

	if (s->has_ended && s->was_killed && s->is_reaped) {
		(void)session_free(s);
		return;
	}
	if (s->has_ended)
		return;
	r = pump(s);
	if (r < 0) {
		end(s, r == -EPIPE ? "the client is gone" : r == -ESHUTDOWN ? "the shell has ended" : strerror(-r));
		return;
	}
	in = s->in.begin < s->in.end;
	out = s->out.begin < s->out.end;
	(void)loop_modify(&s->client, (in ? 0 : EPOLLIN) | EPOLLRDHUP | (out ? EPOLLOUT : 0));
	(void)loop_modify(&s->master, s->is_over ? 0 : (out ? 0 : EPOLLIN) | (in ? EPOLLOUT : 0));
	if (s->is_over && !out)
		loop_defer(loop_of(s), &s->turn);
}

static int on_client(struct loop_source *source, uint32_t events)
{
	struct session *s = container_of(source, struct session, client);

	if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		end(s, "the client is gone");
	else
		loop_defer(loop_of(s), &s->turn);
	return LOOP_KEEP;
}

static int on_master(struct loop_source *source, uint32_t events)
{
	struct session *s = container_of(source, struct session, master);

	/* Nobody has the terminal open: the shell is about to be reaped, and until then this would come again and
	 * again. */
	if (events & EPOLLHUP && !(events & EPOLLIN)) {
		s->is_over = true;
		(void)loop_modify(source, 0);
	}
	loop_defer(loop_of(s), &s->turn);
	return LOOP_KEEP;
}

/* --- a session --------------------------------------------------------------------------------------------------- */

static int open_terminal(int *ret_master, int *ret_slave, struct err *err)
{
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int r = root < 0 ? root : pty_open_in(root, "dev/pts/ptmx", ret_master, ret_slave, err);

	if (root < 0)
		return err_set(err, root, "open '/'");
	if (r == 0) {
		r = fd_set_nonblock(*ret_master, true);
		if (r < 0)
			(void)err_set(err, r, "prepare the terminal of '/dev/pts/ptmx'");
	}
	return r;
}

static struct session *session_new(struct debug_console *console)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->console = console;
	s->client = (struct loop_source){ .name = "console client", .fd = -EBADF, .callback = on_client };
	s->master = (struct loop_source){ .name = "console", .fd = -EBADF, .callback = on_master };
	s->client.events = EPOLLIN | EPOLLRDHUP;
	s->master.events = EPOLLIN;
	s->child.exited = on_exited;
	s->turn.run = on_turn;
	s->pidfd = -EBADF;
	list_init(&s->child.link);
	list_init(&s->turn.link);
	list_append(&console->sessions, &s->link);
	console->n_sessions++;
	return s;
}

/* From here on the session ends itself. */
static void own_shell(struct session *s, pid_t pid)
{
	s->pid = s->child.pid = pid;
	reaper_add(s->console->sandbox->env.reaper, &s->child);
	log_info("console", "Session of process %d begins", (int)pid);
}

static int start(struct session *s, struct err *err)
{
	_autoclose_ int slave = -EBADF;
	pid_t pid;
	int r = open_terminal(&s->master.fd, &slave, err);

	if (r < 0)
		return r;
	pid = shell_start(slave, &s->pidfd, err);
	if (pid < 0)
		return pid;
	own_shell(s, pid);
	r = loop_add(loop_of(s), &s->client);
	if (r >= 0)
		r = loop_add(loop_of(s), &s->master);
	if (r < 0)
		end(s, strerror(-r));
	return 0;
}

/* --- the port ---------------------------------------------------------------------------------------------------- */

/* Who connects has a terminal in front of him: the reason is for his eyes. */
static void refuse(int fd, const char *why)
{
	char text[ERR_TEXT_MAX + 64];
	struct iovec iov = { .iov_base = text };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int n = snprintf(text, sizeof(text), "kata-agent: no debug console: %s\r\n", why);

	log_warning("console", "Refused: %s", why);
	iov.iov_len = n > 0 && (size_t)n < sizeof(text) ? (size_t)n : strlen(text);
	(void)sys_sendmsg(fd, &msg, MSG_DONTWAIT);
	(void)sys_shutdown(fd, SHUT_RDWR);
}

static void welcome(struct acceptor *acceptor, int fd_arg)
{
	struct debug_console *console = container_of(acceptor, struct debug_console, acceptor);
	_autoclose_ int fd = fd_arg;
	struct err err = ERR_INIT;
	struct session *s;
	int r = -EBUSY;

	if (gate_denies(console->sandbox->gate, GATE_METHOD, NULL, NULL, &err)) {
		(void)err_wrap(&err, "blocked by policy");
		refuse(fd, err_text(&err));
		return;
	}
	if (console->n_sessions >= DEBUG_CONSOLE_SESSIONS_MAX) {
		refuse(fd, "too many sessions");
		return;
	}
	s = session_new(console);
	if (s) {
		s->client.fd = fd;
		r = start(s, &err);
		if (r >= 0) {
			(void)take_fd(&fd);
			return;
		}
		s->client.fd = -EBADF;
		(void)session_free(s);
	}
	refuse(fd, s ? err_text(&err) : strerror(ENOMEM));
}

static struct debug_console *new_console(struct sandbox *sandbox)
{
	struct debug_console *console = calloc(1, sizeof(*console));

	if (!console)
		return NULL;
	console->sandbox = sandbox;
	acceptor_init(&console->acceptor, "console", sandbox->env.loop, welcome);
	list_init(&console->sessions);
	return console;
}

int debug_console_new(struct sandbox *sandbox, const struct addr *addr, struct debug_console **ret, struct err *err)
{
	struct debug_console *console = new_console(sandbox);
	int r;

	if (!console)
		return err_set(err, ENOMEM, "open the debug console");
	r = acceptor_open(&console->acceptor, addr, BACKLOG, err);
	if (r < 0) {
		(void)debug_console_free(console);
		return r;
	}
	*ret = console;
	return 0;
}

/* The shell reads and writes the console itself; all that is left is to reap it. */
int debug_console_on_tty(struct sandbox *sandbox, struct debug_console **ret, struct err *err)
{
	_autoclose_ int tty = sys_openat(AT_FDCWD, TTY_PATH, O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
	struct debug_console *console;
	struct session *s;
	pid_t pid;

	if (tty < 0)
		return err_set(err, tty, "open '%s'", TTY_PATH);
	if (gate_denies(sandbox->gate, GATE_METHOD, NULL, NULL, err))
		return err_wrap(err, "debug console: blocked by policy");
	console = new_console(sandbox);
	s = console ? session_new(console) : NULL;
	pid = s ? shell_start(tty, &s->pidfd, err) : err_set(err, ENOMEM, "open the debug console");
	if (pid < 0) {
		(void)debug_console_free(console);
		return pid;
	}
	s->has_ended = true;
	s->was_killed = true;
	own_shell(s, pid);
	*ret = console;
	return 0;
}

struct debug_console *debug_console_free(struct debug_console *console)
{
	if (!console)
		return NULL;
	list_foreach(s, &console->sessions, struct session, link) {
		if (s->pid > 0 && !s->is_reaped)
			(void)sys_pidfd_send_signal(s->pidfd, SIGKILL);
		(void)session_free(s);
	}
	acceptor_close(&console->acceptor);
	free(console);
	return NULL;
}
