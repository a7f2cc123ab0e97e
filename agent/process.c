/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/process.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

#include "agent/container.h"
#include "agent/launch.h"
#include "agent/passfd_stdio.h"
#include "agent/sandbox.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/pty.h"
#include "lib/sys.h"

#define STATUS_MAX 65536 /* bytes of /proc/PID/status */

static const struct {
	const char *name;
	unsigned next; /* bit mask of allowed next states */
} states[PROCESS_STATE_MAX] = {
	[PROCESS_BUILDING] = { "building", 1u << PROCESS_CREATED | 1u << PROCESS_EXITED },
	[PROCESS_CREATED] = { "created", 1u << PROCESS_RUNNING | 1u << PROCESS_EXITED },
	[PROCESS_RUNNING] = { "running", 1u << PROCESS_EXITED },
	[PROCESS_EXITED] = { "exited", 0 },
};

const char *process_state_name(enum process_state state)
{
	return state >= 0 && state < PROCESS_STATE_MAX ? states[state].name : "invalid";
}

int process_set_state(struct process *p, enum process_state state)
{
	if (!(states[p->state].next & 1u << state)) {
		log_error("process", "Process '%s' cannot go from %s to %s", p->id, states[p->state].name,
		          states[state].name);
		return -EINVAL;
	}
	log_debug("process", "Process '%s' of '%s': %s", p->id, p->container->id, states[state].name);
	p->state = state;
	return 0;
}

static void tell_waiters(struct loop_deferred *deferred)
{
	struct process *p = container_of(deferred, struct process, tell);

	list_foreach(waiter, &p->waiters, struct process_waiter, link) {
		list_remove(&waiter->link);
		p->was_waited = true;
		waiter->done(waiter, p->exit_code);
	}
	p->passfd = passfd_stdio_settle(p->passfd);
}

int process_new(struct container *c, const char *id, bool is_init, struct process **ret)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->id = strdup(id);
	if (!p->id) {
		free(p);
		return -ENOMEM;
	}
	p->container = c;
	p->is_init = is_init;
	p->state = PROCESS_BUILDING;
	p->pidfd = p->master = -EBADF;
	p->tell.run = tell_waiters;
	list_init(&p->tell.link);
	list_init(&p->waiters);
	list_init(&p->lingering);
	list_init(&p->child.link);
	list_append(&c->processes, &p->link);
	c->n_processes++;
	*ret = p;
	return 0;
}

static void drop_stream(struct outstream **stream, struct outstream_counters *ret)
{
	if (!*stream)
		return;
	*ret = outstream_counters(*stream);
	*stream = outstream_free(*stream);
}

static void drop_input(struct process *p)
{
	if (!p->in)
		return;
	p->in_written = instream_written(p->in);
	p->in = instream_free(p->in);
}

struct process *process_free(struct process *p)
{
	if (!p)
		return NULL;
	p->launch = launch_free(p->launch);
	reaper_remove(&p->child);
	drop_input(p);
	drop_stream(&p->out, &p->out_counters);
	drop_stream(&p->err, &p->err_counters);
	p->passfd = passfd_stdio_free(p->passfd);
	fd_closep(&p->pidfd);
	fd_closep(&p->master);
	tell_waiters(&p->tell);
	list_remove(&p->tell.link);
	list_remove(&p->lingering);
	list_remove(&p->link);
	p->container->n_processes--;
	free(p->id);
	free(p);
	return NULL;
}

int process_attach_pipes(struct process *p, int in, int out, int err_fd)
{
	struct loop *loop = p->container->sandbox->env.loop;
	_autoclose_ int in_fd = in, out_fd = out, error_fd = err_fd;
	int r = in >= 0 ? instream_new(loop, in_fd, false, &p->in) : 0;

	if (r < 0)
		return r;
	(void)take_fd(&in_fd);
	r = out >= 0 ? outstream_new(loop, out_fd, false, &p->out) : 0;
	if (r < 0)
		return r;
	(void)take_fd(&out_fd);
	r = err_fd >= 0 ? outstream_new(loop, error_fd, false, &p->err) : 0;
	if (r < 0)
		return r;
	(void)take_fd(&error_fd);
	return passfd_stdio_start(p->passfd);
}

int process_attach_terminal(struct process *p, int master)
{
	struct loop *loop = p->container->sandbox->env.loop;
	_autoclose_ int in = -EBADF, out = -EBADF;
	int r;

	p->master = master;
	in = sys_fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (in < 0)
		return in;
	out = sys_fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (out < 0)
		return out;
	r = instream_new(loop, in, true, &p->in);
	if (r < 0)
		return r;
	(void)take_fd(&in);
	r = outstream_new(loop, out, true, &p->out);
	if (r < 0)
		return r;
	(void)take_fd(&out);
	return passfd_stdio_start(p->passfd);
}

static void drop_drained(void *arg)
{
	struct process *p = arg;

	if (p->out && outstream_is_empty(p->out))
		drop_stream(&p->out, &p->out_counters);
	if (p->err && outstream_is_empty(p->err))
		drop_stream(&p->err, &p->err_counters);
	if (!p->out && !p->err)
		list_remove(&p->lingering);
}

static void discard_oldest(struct sandbox *s)
{
	struct process *p = list_first(&s->lingering, struct process, lingering);

	list_remove(&p->lingering);
	if (p->out)
		outstream_discard(p->out);
	if (p->err)
		outstream_discard(p->err);
	log_warning("process", "Output of '%s' of '%s' was never read: %" PRIu64 " bytes lost", p->id, p->container->id,
	            (p->out ? outstream_counters(p->out).lost : 0) + (p->err ? outstream_counters(p->err).lost : 0));
	drop_stream(&p->out, &p->out_counters);
	drop_stream(&p->err, &p->err_counters);
}

static unsigned count_lingering(const struct sandbox *s)
{
	unsigned n = 0;

	for (const struct list *l = s->lingering.next; l != &s->lingering; l = l->next)
		n++;
	return n;
}

static void settle_stream(struct process *p, struct outstream **stream, struct outstream_counters *counters)
{
	if (!*stream)
		return;
	outstream_process_exited(*stream);
	if (outstream_is_empty(*stream))
		drop_stream(stream, counters);
	else
		outstream_on_drained(*stream, drop_drained, p);
}

static void on_reaped(struct reaper_child *child, int code)
{
	struct process *p = container_of(child, struct process, child);
	struct sandbox *s = p->container->sandbox;

	/* What the child said before it died comes first: it may be the reason of a failed start. */
	launch_settle(p->launch);
	p->exit_code = code;
	p->exited_ns = sys_now(CLOCK_BOOTTIME);
	(void)process_set_state(p, PROCESS_EXITED);
	drop_input(p);
	fd_closep(&p->pidfd);
	fd_closep(&p->master);
	settle_stream(p, &p->out, &p->out_counters);
	settle_stream(p, &p->err, &p->err_counters);
	if (p->out || p->err) {
		list_append(&s->lingering, &p->lingering);
		if (count_lingering(s) > SANDBOX_LINGERING_MAX)
			discard_oldest(s);
	}
	if (!passfd_stdio_process_exited(p->passfd))
		loop_defer(s->env.loop, &p->tell);
	container_process_exited(p->container, p);
}

void process_watch(struct process *p, pid_t pid, int pidfd)
{
	p->pid = pid;
	p->pidfd = pidfd;
	p->started_ns = sys_now(CLOCK_BOOTTIME);
	p->child.pid = pid;
	p->child.exited = on_reaped;
	reaper_add(p->container->sandbox->env.reaper, &p->child);
}

void process_wait(struct process *p, struct process_waiter *waiter)
{
	list_append(&p->waiters, &waiter->link);
	if (p->state == PROCESS_EXITED && !passfd_stdio_holds_exit(p->passfd))
		loop_defer(p->container->sandbox->env.loop, &p->tell);
}

void process_wait_cancel(struct process_waiter *waiter)
{
	list_remove(&waiter->link);
}

/* Bit masks SigBlk, SigIgn and SigCgt of /proc/PID/status: does the process do anything about this signal? */
static bool handles_signal(pid_t pid, int sig)
{
	static const char *const keys[] = { "\nSigBlk:\t", "\nSigIgn:\t", "\nSigCgt:\t" };
	_autofree_ char *text = NULL;
	char path[64];
	uint64_t mask = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (fd_read_file_at(AT_FDCWD, path, STATUS_MAX, &text, NULL) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *found = strstr(text, keys[i]);

		if (found)
			mask |= strtoull(found + strlen(keys[i]), NULL, 16);
	}
	return mask & 1ull << (sig - 1);
}

int process_signal(struct process *p, int sig, struct err *err)
{
	int r;

	if (p->state == PROCESS_EXITED)
		return 0;
	if (p->pidfd < 0)
		return err_say(err, EAGAIN, "signal process '%s': it is still being created", p->id);
	/* The kernel drops a SIGTERM for which pid 1 of a namespace has no handler: it would never end. */
	if (p->is_init && sig == SIGTERM && !handles_signal(p->pid, sig))
		sig = SIGKILL;
	r = sys_pidfd_send_signal(p->pidfd, sig);
	if (r < 0 && r != -ESRCH)
		return err_set(err, r, "send signal %d to process '%s'", sig, p->id);
	return 0;
}

int process_resize(struct process *p, unsigned rows, unsigned columns, struct err *err)
{
	int r;

	if (!p->has_terminal)
		return err_say(err, ENOTTY, "no tty");
	if (p->state == PROCESS_EXITED)
		return 0;
	if (rows > UINT16_MAX || columns > UINT16_MAX)
		return err_say(err, EINVAL, "resize terminal of '%s': %u x %u is too large", p->id, rows, columns);
	r = pty_resize(p->master, (unsigned short)rows, (unsigned short)columns);
	return r < 0 ? err_set(err, r, "resize terminal of '%s'", p->id) : 0;
}

void process_counters(const struct process *p, uint64_t *ret_in, struct outstream_counters *ret_out,
                      struct outstream_counters *ret_err)
{
	*ret_in = p->in ? instream_written(p->in) : p->in_written;
	*ret_out = p->out ? outstream_counters(p->out) : p->out_counters;
	*ret_err = p->err ? outstream_counters(p->err) : p->err_counters;
}
