/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/child.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/procstart.h"
#include "lib/spawn.h"
#include "lib/sys.h"

#define TOLD_MAX 16384 /* of a command line */
#define REAP_MS  5000
#define LOG_MAX  (256u << 10)

static void take_status(struct child *child, int timeout_ms)
{
	int status = spawn_wait(child->source.fd, timeout_ms);

	loop_remove(&child->source);
	child->source.fd = fd_close(child->source.fd);
	child->is_running = false;
	child->status = status;
}

static int on_end(struct loop_source *source, uint32_t events)
{
	struct child *child = container_of(source, struct child, source);

	(void)events;
	take_status(child, 0);
	if (child->ended)
		child->ended(child);
	return LOOP_KEEP;
}

/* One that is too long for a line is told up to there. */
static void tell_start(const struct child_spec *c)
{
	_autobuf_ struct buf words = { .max = TOLD_MAX };

	if (log_get_level() < LOG_LEVEL_DEBUG)
		return;
	for (size_t i = 0; c->argv[i]; i++)
		(void)buf_printf(&words, "%s%s", i ? " " : "", c->argv[i]);
	log_debug("child", "Starting '%s': %s", c->name, buf_str(&words));
}

int child_start(struct loop *loop, struct child *child, const struct child_spec *c, struct err *err)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const env[] = { path, NULL };
	_autoclose_ int out = sys_openat(AT_FDCWD, c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	const struct spawn_spec spec = {
		.path = c->argv[0],
		.argv = c->argv,
		.env = env,
		.stdio = { c->stdin_fd, out, out },
		.fds = c->fds,
		.n_fds = c->n_fds,
		.netns = c->netns,
		.death_signal = true,
		.new_session = true,
	};
	pid_t pid;
	int r;

	if (out < 0)
		return err_set(err, out, "open '%s'", c->log);
	tell_start(c);
	pid = spawn_run(&spec, &child->source.fd, err);
	if (pid < 0)
		return pid;
	child->name = c->name;
	child->pid = pid;
	child->is_running = true;
	if (proc_start_time(pid, &child->start_time) < 0)
		child->start_time = 0;
	child->source.name = c->name;
	child->source.events = EPOLLIN;
	child->source.callback = on_end;
	r = loop_add(loop, &child->source);
	return r < 0 ? err_set(err, -r, "watch '%s'", c->name) : 0;
}

void child_kill(struct child *child)
{
	if (child->is_running)
		(void)sys_pidfd_send_signal(child->source.fd, SIGKILL);
}

void child_done(struct child *child)
{
	if (!child->is_running)
		return;
	child_kill(child);
	take_status(child, REAP_MS);
}

char *child_last_line(const char *log)
{
	_autofree_ char *text = NULL;
	const char *line;
	size_t n = 0;

	if (fd_read_file_at(AT_FDCWD, log, LOG_MAX, &text, &n) < 0)
		return NULL;
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	line = n > 0 ? strrchr(text, '\n') : NULL;
	return n > 0 ? strdup(line ? line + 1 : text) : NULL;
}
