/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/launch.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "agent/child.h"
#include "agent/container.h"
#include "agent/hookjob.h"
#include "agent/mount/rootfs.h"
#include "agent/passfd_stdio.h"
#include "agent/sandbox.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define BULK_PIPE_SIZE (256 << 10) /* of stdin and stdout */
#define KEEP_MAX       12

enum launch_phase {
	LAUNCH_BUILDING,   /* the builder job runs */
	LAUNCH_SETTING_UP, /* the child lives and is not ready */
	LAUNCH_MOUNTED,    /* it waits before pivot_root for prestart and createRuntime hooks */
	LAUNCH_PARKED,
	LAUNCH_RELEASED, /* EOF on the report socket means that exec worked */
	LAUNCH_OVER,
};

struct launch {
	struct process *p;
	enum launch_phase phase;
	launch_ready ready;
	struct completion *released;
	const char *root;   /* of a new container */
	struct arena arena; /* plans; read by the builder from its copy of our memory */
	struct build_request request;
	struct nspace_plan nspaces;
	struct cgroup_host cgroup_host; /* the sandbox's, with the disks of this moment */
	struct cgroup_plan cgroup;
	struct job builder;
	struct hookjob hooks;
	struct loop_source report;
	struct loop_timer deadline;
	int park;
	int keep[KEEP_MAX];
	int ours[3], theirs[3]; /* stdio pipes */
	int report_theirs, park_theirs;
};

static struct loop *loop_of(const struct launch *l)
{
	return l->p->container->sandbox->env.loop;
}

static void close_theirs(struct launch *l)
{
	for (int i = 0; i < 3; i++)
		fd_closep(&l->theirs[i]);
	fd_closep(&l->report_theirs);
	fd_closep(&l->park_theirs);
}

struct launch *launch_free(struct launch *l)
{
	if (!l)
		return NULL;
	job_cancel(&l->builder);
	hookjob_cancel(&l->hooks);
	loop_timer_stop(&l->deadline);
	loop_remove(&l->report);
	fd_closep(&l->report.fd);
	fd_closep(&l->park);
	for (int i = 0; i < 3; i++)
		fd_closep(&l->ours[i]);
	close_theirs(l);
	arena_done(&l->arena);
	free(l);
	return NULL;
}

/* A builder and a child know what they did, not always for whom. */
static void name_process(const struct process *p, bool starts, struct err *err)
{
	if (p->is_init)
		(void)err_wrap(err, "%s '%s'", starts ? "start" : "create", p->container->id);
	else
		(void)err_wrap(err, "exec '%s' in '%s'", p->id, p->container->id);
}

/* Ends the launch with a verdict for whoever waits; the launch is gone afterwards. */
static void finish(struct launch *l, int r, const struct err *why)
{
	struct process *p = l->p;
	struct err err = ERR_INIT;
	struct completion *released = l->released;
	launch_ready ready = l->phase < LAUNCH_PARKED ? l->ready : NULL;

	l->phase = LAUNCH_OVER;
	if (r < 0) {
		(void)err_copy(&err, why);
		name_process(p, released != NULL, &err);
		if (p->pidfd >= 0)
			(void)sys_pidfd_send_signal(p->pidfd, SIGKILL);
	}
	p->launch = launch_free(l);
	if (released)
		released->done(released, r, &err);
	else if (ready)
		ready(p, r, &err);
}

static void fail_text(struct launch *l, int num, const char *text)
{
	struct err err = ERR_INIT;

	(void)err_say(&err, num, "%s", text);
	finish(l, -num, &err);
}

static void on_eof(struct launch *l)
{
	if (l->phase == LAUNCH_RELEASED) {
		(void)process_set_state(l->p, PROCESS_RUNNING);
		finish(l, 0, NULL);
	} else if (l->phase == LAUNCH_PARKED) {
		struct process *p = l->p;

		/* Killed while it was parked: its exit is the news, not this. */
		p->launch = launch_free(l);
	} else {
		fail_text(l, EPIPE, "the container's child ended before it was ready");
	}
}

static void on_ready(struct launch *l)
{
	l->phase = LAUNCH_PARKED;
	loop_timer_stop(&l->deadline);
	(void)process_set_state(l->p, PROCESS_CREATED);
	l->ready(l->p, 0, NULL);
}

static unsigned deadline_ms(const struct launch *l)
{
	return LAUNCH_DEADLINE_MS + (l->p->is_init ? hookjob_child_budget_ms(l->p->container) : 0);
}

static void on_hooks_done(struct hookjob *h, int r, const struct err *why)
{
	struct launch *l = container_of(h, struct launch, hooks);
	struct err err = ERR_INIT;

	(void)err_copy(&err, why);
	if (r >= 0) {
		l->phase = LAUNCH_SETTING_UP;
		r = child_resume(l->report.fd);
		if (r >= 0)
			r = loop_timer_start(loop_of(l), &l->deadline, deadline_ms(l));
		if (r < 0)
			(void)err_set(&err, r, "let the child go on after the hooks");
	}
	if (r < 0)
		finish(l, r, &err);
}

/* The hooks have time limits of their own. */
static void on_mounted(struct launch *l)
{
	struct err err = ERR_INIT;
	int r;

	l->phase = LAUNCH_MOUNTED;
	loop_timer_stop(&l->deadline);
	r = hookjob_start(&l->hooks, l->p->container, HOOK_STAGE_CREATE, on_hooks_done, &err);
	if (r < 0)
		finish(l, r, &err);
}

/* Handles one report; false when there is none, or the launch is gone. */
static bool take_report(struct launch *l)
{
	struct process *p = l->p;
	struct child_report report;
	_autoclose_ int fd = -EBADF;
	int r = child_receive(l->report.fd, &report, &fd);

	if (r == -EAGAIN || r == -EINTR)
		return false;
	if (r == 1 && report.kind == CHILD_CONSOLE) {
		r = process_attach_terminal(p, take_fd(&fd));
		if (r >= 0)
			return true;
		fail_text(l, -r, "attach the terminal");
	} else if (r == 1 && report.kind == CHILD_READY && l->phase == LAUNCH_SETTING_UP) {
		on_ready(l);
		return p->launch == l;
	} else if (r == 1 && report.kind == CHILD_MOUNTED && l->phase == LAUNCH_SETTING_UP) {
		on_mounted(l);
		return p->launch == l;
	} else if (r == 1) {
		finish(l, report.err.num > 0 ? -report.err.num : -EIO, &report.err);
	} else if (r == 0) {
		on_eof(l);
	} else {
		fail_text(l, -r, "receive the child's report");
	}
	return false; /* launch and process may be gone */
}

static int on_report(struct loop_source *source, uint32_t events)
{
	(void)events;
	(void)take_report(container_of(source, struct launch, report));
	return LOOP_KEEP;
}

void launch_settle(struct launch *l)
{
	while (l && l->phase > LAUNCH_BUILDING && take_report(l))
		;
}

static void on_deadline(struct loop_timer *timer)
{
	struct launch *l = container_of(timer, struct launch, deadline);
	struct err err = ERR_INIT;

	(void)err_say(&err, ETIMEDOUT, "process '%s' was not ready within %u s", l->p->id, deadline_ms(l) / 1000);
	finish(l, -ETIMEDOUT, &err);
}

/* The child's own words are better than "broken pipe" from the builder that lost it, unless the builder died. */
static void fail_build(struct launch *l, int r, const struct err *err)
{
	struct child_report report;
	_autoclose_ int fd = -EBADF;

	if (child_receive(l->report.fd, &report, &fd) == 1 && report.kind == CHILD_FAILED &&
	    report.err.num != EOWNERDEAD)
		finish(l, -report.err.num, &report.err);
	else
		finish(l, r, err);
}

static void on_built(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct launch *l = container_of(job, struct launch, builder);
	pid_t pid;

	if (r < 0) {
		if (l->p->is_init && reply->data.len == 1)
			l->p->container->owns_cgroup = false;
		fail_build(l, r, err);
		return;
	}
	if (reply->data.len != sizeof(pid) || reply->n_fds != 1) {
		fail_text(l, EPROTO, "the builder's answer has the wrong shape");
		return;
	}
	memcpy(&pid, reply->data.data, sizeof(pid));
	process_watch(l->p, pid, take_fd(&reply->fds[0]));
	l->phase = LAUNCH_SETTING_UP;
	r = loop_modify(&l->report, EPOLLIN);
	/* Reaped already, as an orphan, because nobody knew it yet: nobody will tell us, and it cannot have been ready.
	 */
	if (r >= 0 && sys_pidfd_send_signal(l->p->pidfd, 0) == -ESRCH) {
		reaper_remove(&l->p->child);
		fd_closep(&l->p->pidfd);
		fail_build(l, -EPIPE, &(struct err){ .num = EPIPE, .text = "the container's child died" });
		return;
	}
	if (r < 0)
		fail_text(l, -r, "watch the child's report");
}

/* Runs in the builder job. */
static int run_builder(void *arg, struct job_reply *reply, struct err *err)
{
	struct launch *l = arg;
	struct build_result result = { .pidfd = -EBADF };
	int r = l->request.is_exec ? 0 : hookjob_write_config(l->p->container, l->root, err);

	if (r >= 0)
		r = container_build(&l->request, &result, err);
	/* A byte says that the cgroup, if there is one of that name, is somebody else's. */
	if (r < 0 && !result.made_cgroup)
		(void)buf_add(&reply->data, "", 1);
	if (r < 0)
		return r;
	r = buf_add(&reply->data, &result.pid, sizeof(result.pid));
	if (r < 0)
		return err_set(err, r, "report the child's pid");
	return job_reply_add_fd(reply, result.pidfd);
}

/* For a stream that the host does not want, though it wants others: nobody would ever read it. */
static int open_null(struct launch *l, int *ret, struct err *err)
{
	int fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);

	if (fd < 0)
		return err_set(err, fd, "open '/dev/null' for the stdio of '%s'", l->p->id);
	*ret = fd;
	return 0;
}

static int open_stdio(struct launch *l, struct err *err)
{
	uint32_t asked = l->p->container->sandbox->options->container_pipe_size;

	for (int i = 0; i < 3; i++) {
		int ends[2], r;

		if (passfd_stdio_lacks(l->p->passfd, (enum kstr_kind)i)) {
			r = open_null(l, &l->theirs[i], err);
			if (r < 0)
				return r;
			continue;
		}
		r = sys_pipe2(ends, O_CLOEXEC);
		if (r < 0)
			return err_set(err, r, "make a pipe for the stdio of '%s'", l->p->id);
		l->ours[i] = ends[i == 0];
		l->theirs[i] = ends[i != 0];
		/* In a pipe of the kernel's size, reader and writer mostly wait for each other. */
		if (i > 0 && asked > 0)
			(void)sys_fcntl(l->ours[i], F_SETPIPE_SZ, (long)asked);
		else if (i < 2)
			(void)sys_fcntl(l->ours[i], F_SETPIPE_SZ, BULK_PIPE_SIZE);
	}
	return 0;
}

static int open_sockets(struct launch *l, struct err *err)
{
	int report[2], park[2];
	int r = sys_socketpair(SOCK_SEQPACKET, report);

	if (r < 0)
		return err_set(err, r, "make the report socket of '%s'", l->p->id);
	l->report.fd = report[0];
	l->report_theirs = report[1];
	r = fd_set_nonblock(l->report.fd, true);
	if (r >= 0)
		r = sys_socketpair(SOCK_STREAM, park);
	if (r < 0)
		return err_set(err, r, "make the park socket of '%s'", l->p->id);
	l->park = park[0];
	l->park_theirs = park[1];
	return 0;
}

/* Where the rootfs is: a storage may have been mounted at the bundle's rootfs, as the protocol has it. */
static const char *find_root(struct launch *l, const struct container_config *config)
{
	char *bundle = arena_printf(&l->arena, SANDBOX_RUN_DIR "/%s/rootfs", config->id);
	struct stat st;

	if (bundle && sys_fstatat(AT_FDCWD, bundle, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return bundle;
	return config->spec->root_path;
}

/* The list of our own disks is made anew each time: storages come and go. */
static int plan_cgroup(struct launch *l, struct err *err)
{
	struct container *c = l->p->container;
	int r = 0;

	if (l->cgroup_host.can_filter_devices)
		r = cgroup_find_own_disks(&l->arena, "/proc/self/mountinfo", "/sys/dev/block",
		                          &l->cgroup_host.own_disks, err);
	if (r < 0)
		return r;
	return cgroup_plan(&l->cgroup_host, &l->arena, c->cgroup_path, c->config->spec->linux, &l->cgroup, err);
}

static int plan_container(struct launch *l, struct err *err)
{
	struct container *c = l->p->container;
	struct sandbox *s = c->sandbox;
	const struct oci_spec *spec = c->config->spec;
	struct rootfs_request rootfs = {
		.spec = spec,
		.root = find_root(l, c->config),
		.has_userns = oci_find_namespace(spec->linux, CLONE_NEWUSER) != NULL,
		.unified = l->cgroup_host.unified,
	};
	struct rootfs_plan *plan = NULL;
	int r = nspace_plan_init(spec, &s->pins, c->config->sandbox_pidns, &l->nspaces, err);

	if (r < 0)
		return r;
	/* Hosts take the entry out of the spec; without a namespace "cgroup2" would show every container of the pod. */
	l->nspaces.create_cgroup |= l->cgroup_host.unified;
	rootfs.has_cgroupns = l->nspaces.create_cgroup;
	l->root = rootfs.root;
	rootfs.joins_ipc = nspace_plan_joins(&l->nspaces, CLONE_NEWIPC);
	r = rootfs_plan(&l->arena, &rootfs, &plan, err);
	if (r < 0)
		return r;
	r = plan_cgroup(l, err);
	if (r < 0)
		return r;
	l->request.rootfs = plan;
	l->request.nspaces = &l->nspaces;
	l->request.cgroup = &l->cgroup;
	return 0;
}

static void keep(struct launch *l, int fd)
{
	if (fd >= 0)
		l->keep[l->builder.n_keep++] = fd;
}

static void fill_request(struct launch *l, const struct oci_process *what)
{
	struct container *c = l->p->container;
	struct sandbox *s = c->sandbox;

	l->request.id = l->p->id;
	l->request.spec = c->config->spec;
	l->request.process = what;
	l->request.is_exec = !l->p->is_init;
	l->request.init_pidfd = l->p->is_init ? -EBADF : c->init->pidfd;
	l->request.init_pid = l->p->is_init ? 0 : c->init->pid;
	l->request.cgroup_host = &l->cgroup_host;
	l->request.cgroup_path = c->cgroup_path;
	l->request.park = l->park_theirs;
	l->request.report = l->report_theirs;
	l->request.as_sibling = true;
	l->request.may_lack_profile = true; /* it names a profile of the host */
	l->request.bundle = arena_printf(&l->arena, SANDBOX_RUN_DIR "/%s", c->id);
	if (l->p->is_init) {
		l->request.stops_before_pivot = hookjob_stops_before_pivot(c);
		l->request.hook_timeout_s = HOOKS_DEFAULT_S;
	}
	l->builder.keep = l->keep;
	keep(l, l->park_theirs);
	keep(l, l->report_theirs);
	keep(l, l->request.init_pidfd);
	keep(l, s->pins.ipc);
	keep(l, s->pins.uts);
	keep(l, s->pins.pid);
	for (int i = 0; i < 3; i++) {
		l->request.stdio[i] = l->theirs[i];
		keep(l, l->theirs[i]);
	}
}

static int start_builder(struct launch *l, struct err *err)
{
	struct sandbox *s = l->p->container->sandbox;
	int r;

	l->builder.name = "build";
	l->builder.run = run_builder;
	l->builder.arg = l;
	l->builder.done = on_built;
	l->builder.deadline_ms = LAUNCH_DEADLINE_MS;
	r = loop_add(s->env.loop, &l->report);
	if (r >= 0)
		r = loop_timer_start(s->env.loop, &l->deadline, deadline_ms(l) + 1000);
	if (r < 0)
		return err_set(err, r, "watch the building of '%s'", l->p->id);
	r = job_start(&s->env, &l->builder, err);
	if (r >= 0 && l->p->is_init)
		l->p->container->owns_cgroup = true;
	return r;
}

static int prepare(struct launch *l, const struct oci_process *what, struct err *err)
{
	int r = 0;

	l->p->has_terminal = what->terminal;
	if (!what->terminal)
		r = open_stdio(l, err);
	if (r >= 0)
		r = open_sockets(l, err);
	if (r >= 0 && l->p->is_init)
		r = plan_container(l, err);
	if (r < 0)
		return r;
	fill_request(l, what);
	r = start_builder(l, err);
	if (r < 0)
		return r;
	close_theirs(l);
	if (what->terminal)
		return 0;
	r = process_attach_pipes(l->p, take_fd(&l->ours[0]), take_fd(&l->ours[1]), take_fd(&l->ours[2]));
	return r < 0 ? err_set(err, r, "watch the stdio of '%s'", l->p->id) : 0;
}

int launch_start(struct process *p, const struct oci_process *what, launch_ready ready, struct err *err)
{
	struct launch *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_set(err, ENOMEM, "start process '%s'", p->id);
	l->p = p;
	l->ready = ready;
	l->park = l->report_theirs = l->park_theirs = l->request.late_report = -EBADF;
	for (int i = 0; i < 3; i++)
		l->ours[i] = l->theirs[i] = l->request.stdio[i] = -EBADF;
	l->report = (struct loop_source){ .name = "report", .fd = -EBADF, .callback = on_report };
	l->deadline.expired = on_deadline;
	arena_init(&l->arena, 0);
	l->cgroup_host = p->container->sandbox->cgroup_host;
	p->launch = l;
	r = prepare(l, what, err);
	if (r < 0)
		p->launch = launch_free(l);
	return r;
}

int launch_release(struct launch *l, struct completion *done, struct err *err)
{
	ssize_t n;

	if (l->phase != LAUNCH_PARKED)
		return err_say(err, EINVAL, "start process '%s': it is not parked", l->p->id);
	n = sys_write(l->park, &(const char){ CHILD_GO }, 1);
	if (n < 0)
		return err_set(err, (int)n, "release process '%s'", l->p->id);
	l->phase = LAUNCH_RELEASED;
	l->released = done;
	/* A file system that hangs in execve must not leave the caller waiting for ever. */
	(void)loop_timer_start(loop_of(l), &l->deadline, deadline_ms(l));
	return 0;
}

void launch_abandon(struct process *p)
{
	if (p->pidfd >= 0)
		(void)sys_pidfd_send_signal(p->pidfd, SIGKILL);
	p->launch = launch_free(p->launch);
}
