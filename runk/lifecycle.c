/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/lifecycle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/mount/rootfs.h"
#include "lib/cgroup_scope.h"
#include "lib/fd.h"
#include "lib/hooks.h"
#include "lib/mountinfo.h"
#include "lib/procstart.h"
#include "lib/sys.h"
#include "runk/adapt.h"
#include "runk/notify.h"
#include "runk/rootless.h"

#define DEATH_MS 10000 /* how long a killed process may take to die */

void lifecycle_done(struct lifecycle *l)
{
	cgroup_scope_release(&l->keeper);
	launch_done(&l->launch);
	nspace_plan_close(&l->nspaces);
	l->fifo = fd_close(l->fifo);
	l->late = fd_close(l->late);
	state_done(&l->state);
	arena_done(&l->arena);
}

static const char *now(struct arena *arena)
{
	struct timespec ts = { 0 };
	struct tm tm;
	char text[32] = "";

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (gmtime_r(&ts.tv_sec, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return arena_printf(arena, "%s.%09ldZ", text, ts.tv_nsec);
}

/* --- hooks ------------------------------------------------------------------------------------------------------- */

static struct oci_state state_for_hooks(const struct state *s, const char *status)
{
	return (struct oci_state){
		.id = s->id,
		.status = status,
		.pid = strcmp(status, "stopped") == 0 ? 0 : s->pid,
		.bundle = s->bundle,
		.annotations = &s->annotations,
	};
}

/* Those that are due while the container waits before pivot_root. */
static int run_create_hooks(void *arg, struct err *err)
{
	const struct lifecycle *l = arg;
	const struct oci_spec *spec = l->bundle.spec;
	const struct oci_state state = state_for_hooks(&l->state, "creating");
	int r = hooks_run(hooks_of(spec, HOOK_PRESTART), HOOK_PRESTART, &state, 0, err);

	return r < 0 ? r : hooks_run(hooks_of(spec, HOOK_CREATE_RUNTIME), HOOK_CREATE_RUNTIME, &state, 0, err);
}

/* Those whose failure changes nothing any more. */
static void run_late_hooks(const struct runk *runk, const struct state *s, const struct oci_spec *spec,
                           enum hook_kind kind)
{
	const struct oci_state state = state_for_hooks(s, kind == HOOK_POSTSTOP ? "stopped" : "running");
	_autobuf_ struct buf warnings = BUF_INIT;

	if (hooks_of(spec, kind)->n == 0)
		return;
	/* Where the earlier ones were; the bundle may be gone by now. */
	if (s->bundle)
		(void)sys_chdir(s->bundle);
	if (hooks_run_all(hooks_of(spec, kind), kind, &state, 0, &warnings) < 0)
		runk_log_warning(runk, "run the %s hooks of '%s': out of memory", hooks_name(kind), s->id);
	else if (warnings.len > 0)
		runk_log_warning(runk, "%s", buf_str(&warnings));
}

/* The same for one whose specification is not at hand; most have no hooks, and then it is not even read. */
static void run_kept_hooks(const struct runk *runk, struct state *s, enum hook_kind kind)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;
	int r = s->has_hooks ? state_load_spec(s, &spec, &err) : 0;

	if (r < 0)
		runk_log_warning(runk, "run the %s hooks of '%s': %s", hooks_name(kind), s->id, err_text(&err));
	else if (spec)
		run_late_hooks(runk, s, spec, kind);
}

/* --- creating ---------------------------------------------------------------------------------------------------- */

static int find_scope(struct lifecycle *l, const char *cgroups_path, bool user, struct err *err)
{
	struct arena *arena = &l->state.arena;
	int r = cgroup_scope_parse(arena, cgroups_path, l->state.id, user, &l->scope, err);

	if (r < 0 || !user)
		return r;
	/* What v1 has of a user's systemd is its own hierarchy, without controllers. */
	if (!l->groups.host.unified)
		return err_say(err, ENOTSUP, "--systemd-cgroup: a user's systemd needs cgroup v2, use cgroupfs");
	return cgroup_scope_place(CGROUP_SYSTEMCTL, arena, &l->scope, err);
}

static int find_cgroup(struct lifecycle *l, const struct runk *runk, struct err *err)
{
	const struct oci_linux *lin = l->bundle.spec->linux;
	char *path = NULL;
	int r;

	r = groups_init(runk, &l->groups, err);
	if (r < 0 || !l->groups.usable)
		return r;
	if (runk->systemd_cgroup) {
		r = find_scope(l, lin->cgroups_path, runk->is_rootless, err);
		path = (char *)(uintptr_t)l->scope.path;
	} else {
		r = cgroup_path(&l->state.arena, lin->cgroups_path, l->state.id, &path, err);
	}
	if (r < 0)
		return r;
	l->state.cgroup = path;
	return 0;
}

struct place {
	const char *path;
	int n;
};

static int count_mount(const struct mountinfo_entry *entry, void *arg)
{
	struct place *place = arg;

	place->n += strcmp(entry->target, place->path) == 0;
	return 0;
}

static int mounts_on(const char *path)
{
	struct place place = { .path = path };

	return mountinfo_walk(NULL, count_mount, &place, NULL) < 0 ? 0 : place.n;
}

static bool shares_pids(const struct oci_linux *lin)
{
	const struct oci_namespace *pids = oci_find_namespace(lin, CLONE_NEWPID);

	return !pids || (pids->path && pids->path[0] != '\0');
}

/* What `delete --force` needs is on disk before there is anything to delete. */
static int record(struct lifecycle *l, const struct runk *runk, struct err *err)
{
	struct state *s = &l->state;
	char real[PATH_MAX];
	int r = find_cgroup(l, runk, err);

	if (r < 0)
		return r;
	s->bundle = l->bundle.path;
	s->rootfs = l->bundle.root;
	s->version = l->bundle.spec->version;
	s->annotations = l->bundle.spec->annotations;
	s->systemd = runk->systemd_cgroup;
	/* Mounts are told by their real path. */
	if (!oci_find_namespace(l->bundle.spec->linux, CLONE_NEWNS) && realpath(s->rootfs, real)) {
		s->rootfs = arena_strdup(&s->arena, real);
		s->mounts_before = s->rootfs ? mounts_on(s->rootfs) : 0;
	}
	s->shares_mounts = !oci_find_namespace(l->bundle.spec->linux, CLONE_NEWNS);
	s->shares_pids = shares_pids(l->bundle.spec->linux);
	s->has_hooks = l->bundle.spec->hooks != NULL;
	s->created = now(&s->arena);
	r = state_save_spec(s, l->bundle.text, l->bundle.len, err);
	return r < 0 ? r : state_save(s, err);
}

static int plan(struct lifecycle *l, struct err *err)
{
	const struct oci_spec *spec = l->bundle.spec;
	struct oci_linux limits = *spec->linux;
	struct rootfs_request rootfs = {
		.spec = spec,
		.root = l->bundle.root,
		/* In a user namespace, ours or the container's, devices cannot be made. */
		.has_userns = l->launch.runk->is_rootless || oci_find_namespace(spec->linux, CLONE_NEWUSER) != NULL,
		.unified = l->groups.host.unified,
	};
	struct rootfs_plan *made = NULL;
	int r = nspace_plan_paths(spec->linux, &l->nspaces, err);

	if (r < 0)
		return r;
	rootfs.has_cgroupns = l->nspaces.create_cgroup;
	rootfs.shares_mntns = l->state.shares_mounts;
	rootfs.joins_ipc = nspace_plan_joins(&l->nspaces, CLONE_NEWIPC);
	r = rootfs_plan(&l->arena, &rootfs, &made, err);
	/* On a host a device's node gives no right to use it, only a rule does. */
	limits.n_devices = 0;
	if (r == 0 && l->state.cgroup)
		r = cgroup_plan(&l->groups.host, &l->arena, l->state.cgroup, &limits, &l->cgroup, err);
	l->launch.request.rootfs = made;
	l->launch.request.nspaces = &l->nspaces;
	l->launch.request.cgroup = l->state.cgroup ? &l->cgroup : NULL;
	return r;
}

/* Open for reading and writing, so that the child does not see the end of the file when we go. */
static int open_fifo(struct lifecycle *l, struct err *err)
{
	int dir = l->state.dir, r = sys_mknodat(dir, STATE_FIFO, S_IFIFO | 0600, 0);

	if (r == 0)
		r = l->fifo = sys_openat(dir, STATE_FIFO, O_RDWR | O_CLOEXEC, 0);
	if (r >= 0)
		r = l->late = sys_openat(dir, STATE_LATE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (r < 0)
		return err_set(err, r, "make '%s' of container '%s'", STATE_FIFO, l->state.id);
	l->launch.request.park = l->fifo;
	l->launch.request.late_report = l->late;
	return 0;
}

/* Without a cgroup there is nothing for systemd to make. */
static int start_scope(struct lifecycle *l, struct err *err)
{
	const struct runk *runk = l->launch.runk;

	if (!l->state.cgroup || !runk->systemd_cgroup)
		return 0;
	l->cgroup.adopts = l->groups.host.keeps_parents = true;
	return cgroup_scope_start(CGROUP_SYSTEMD_RUN, &l->scope, l->bundle.spec->linux->resources,
	                          l->groups.host.unified, runk->is_rootless, &l->keeper, err);
}

static int build(struct lifecycle *l, struct err *err)
{
	int r = start_scope(l, err);

	r = r < 0 ? r : launch_build(&l->launch, err);
	cgroup_scope_release(&l->keeper);
	if (r < 0)
		return r;
	l->state.pid = l->launch.result.pid;
	if (!l->launch.result.made_cgroup)
		l->state.cgroup = NULL;
	r = proc_start_time(l->state.pid, &l->state.start_time);
	/* Dead already: it has reported why. */
	if (r == -ESRCH)
		return launch_wait_ready(&l->launch, err);
	if (r < 0)
		return err_set(err, r, "read the start time of process %d", (int)l->state.pid);
	r = state_save(&l->state, err);
	return r < 0 ? r : launch_wait_ready(&l->launch, err);
}

/* The rootfs lies on itself, with all that is mounted below; what was mounted there before us is somebody's. */
static void unmount_rootfs(const struct state *s)
{
	int n = s->shares_mounts ? mounts_on(s->rootfs) : 0;

	for (; n > s->mounts_before; n--)
		if (sys_umount2(s->rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return;
}

static void undo(struct lifecycle *l)
{
	bool made_cgroup = l->launch.result.made_cgroup;

	launch_done(&l->launch);
	unmount_rootfs(&l->state);
	if (made_cgroup && l->state.cgroup && l->state.systemd)
		cgroup_scope_stop(CGROUP_SYSTEMCTL, l->state.cgroup, l->launch.runk->is_rootless);
	if (made_cgroup && l->state.cgroup)
		(void)cgroup_remove(&l->groups.host, l->state.cgroup, NULL);
	(void)state_remove(&l->state, NULL);
	if (l->state.pid > 0)
		run_late_hooks(l->launch.runk, &l->state, l->bundle.spec, HOOK_POSTSTOP);
}

static int create_in(struct lifecycle *l, bool detached, struct err *err)
{
	struct build_request *q = &l->launch.request;
	int r = record(l, l->launch.runk, err);

	q->id = l->state.id;
	q->spec = l->bundle.spec;
	q->process = l->bundle.spec->process;
	q->init_pidfd = q->park = q->late_report = -EBADF;
	q->cgroup_host = &l->groups.host;
	q->cgroup_path = l->state.cgroup;
	q->move = groups_mover(l->launch.runk, &l->state);
	q->move_arg = &l->state;
	q->preserve_fds = (unsigned)l->launch.options->preserve_fds;
	q->keeps_keyring = l->launch.options->no_new_keyring;
	q->bundle = l->bundle.path;
	q->stops_before_pivot = hooks_stop_before_pivot(l->bundle.spec);
	l->launch.mounted = run_create_hooks;
	l->launch.mounted_arg = l;
	for (int i = 0; i < 3; i++)
		q->stdio[i] = i;
	if (r == 0)
		r = plan(l, err);
	if (r == 0 && detached)
		r = open_fifo(l, err);
	if (r == 0)
		r = build(l, err);
	return r < 0 ? r : launch_write_pid_file(&l->launch, err);
}

/* What cannot be given is told, and no failure: so says the specification. */
static int adapt(const struct lifecycle *l, struct err *err)
{
	const struct oci_spec *spec = l->bundle.spec;
	_autobuf_ struct buf ignored = BUF_INIT;
	int r = adapt_check_labels(spec, spec->process, err);

	if (r == 0 && l->bundle.ignored[0] != '\0' && buf_printf(&ignored, "%s", l->bundle.ignored) < 0)
		r = err_set(err, ENOMEM, "list the capabilities that cannot be given");
	if (r == 0)
		r = adapt_capabilities(spec, spec->process, &ignored, err);
	if (r == 0 && ignored.len > 0)
		runk_log_warning(l->launch.runk, "ignoring unknown or unavailable capabilities: [%s]",
		                 buf_str(&ignored));
	return r;
}

static int plan_notify(struct lifecycle *l, struct err *err)
{
	const char *path = arena_printf(&l->arena, "%s/%s", l->launch.runk->root, l->state.id);

	return path ? notify_plan(&l->arena, l->state.dir, path, l->bundle.spec, err)
	            : err_set(err, ENOMEM, "plan the container's notify socket");
}

int lifecycle_create(struct lifecycle *l, const struct runk *runk, const struct launch_options *options, const char *id,
                     bool detached, struct err *err)
{
	int r = state_check_id(id, err);

	arena_init(&l->arena, 0);
	l->launch.runk = runk;
	l->launch.options = options;
	if (r == 0)
		r = bundle_load(&l->arena, options->bundle, &l->bundle, err);
	if (r == 0)
		r = launch_check_terminal(options, l->bundle.spec->process->terminal, detached || options->detach, err);
	if (r == 0)
		r = launch_add_listen_env(&l->arena, l->bundle.spec->process, err);
	if (r == 0)
		r = state_create(runk, id, &l->state, err);
	if (r < 0)
		return r;
	if (rootless_is_needed()) {
		l->state.has_userns = true;
		r = rootless_enter(runk, l->bundle.spec, err);
	}
	if (r == 0)
		r = adapt(l, err);
	if (r == 0 && notify_is_wanted())
		r = plan_notify(l, err);
	if (r == 0)
		r = create_in(l, detached, err);
	if (r < 0)
		undo(l);
	return r;
}

/* --- starting ---------------------------------------------------------------------------------------------------- */

/* The process has closed its end: it executes the program, or has said why it cannot. */
static int read_late(struct state *s, struct err *err)
{
	_autoclose_ int fd = sys_openat(s->dir, STATE_LATE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	struct child_report report;
	ssize_t n = fd < 0 ? 0 : sys_read(fd, &report, sizeof(report));

	if (n < 0)
		return err_set(err, (int)n, "read what became of container '%s'", s->id);
	if (n == (ssize_t)sizeof(report) && report.kind == CHILD_FAILED && report.err.num > 0)
		return err_copy(err, &report.err);
	return 0;
}

static int release(struct state *s, struct err *err)
{
	_autoclose_ int fifo = sys_openat(s->dir, STATE_FIFO, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0);
	struct pollfd poll = { .fd = fifo };
	ssize_t n = fifo < 0 ? fifo : sys_write(fifo, &(const char){ CHILD_GO }, 1);
	int r;

	if (n == -ENXIO || n == -EPIPE)
		return err_say(err, ESRCH, "cannot start container '%s': its process is gone", s->id);
	if (n < 0)
		return err_set(err, (int)n, "start container '%s'", s->id);
	do {
		r = sys_poll(&poll, 1, -1);
	} while (r == -EINTR);
	if (r < 0)
		return err_set(err, r, "wait for the start of container '%s'", s->id);
	r = sys_unlinkat(s->dir, STATE_FIFO, 0);
	if (r < 0)
		return err_set(err, r, "remove '%s' of container '%s'", STATE_FIFO, s->id);
	return read_late(s, err);
}

/* Its caller asked to hear of it; a container that never says so is waited for until its end. */
static int wait_until_ready(struct state *s, int notify, struct err *err)
{
	_autoclose_ int pidfd = state_open_pid(s);

	if (pidfd < 0)
		return 0;
	state_unlock(s);
	return notify_wait(notify, s->pid, pidfd, err);
}

int lifecycle_start(const struct runk *runk, struct state *s, struct err *err)
{
	_autoclose_ int notify = notify_is_wanted() ? notify_open(s->dir) : -EBADF;
	int r = release(s, err);

	if (r == 0)
		run_kept_hooks(runk, s, HOOK_POSTSTART);
	return r == 0 && notify >= 0 ? wait_until_ready(s, notify, err) : r;
}

int lifecycle_release(struct lifecycle *l, struct err *err)
{
	int r = launch_let_go(&l->launch, err);

	if (r == 0)
		run_late_hooks(l->launch.runk, &l->state, l->bundle.spec, HOOK_POSTSTART);
	return r;
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static int kill_all(const struct groups *g, const struct state *s, struct err *err)
{
	_autoclose_ int pidfd = state_open_pid(s);
	struct pollfd poll = { .fd = pidfd, .events = POLLIN };
	int r = s->cgroup && g->usable ? cgroup_kill(&g->host, s->cgroup, err) : 0;

	if (r < 0 || pidfd < 0)
		return r;
	(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	do {
		r = sys_poll(&poll, 1, DEATH_MS);
	} while (r == -EINTR);
	return r == 0 ? err_say(err, EBUSY, "process %d of container '%s' does not end after SIGKILL", (int)s->pid,
	                        s->id)
	              : 0;
}

/* One whose creator died between its birth and state_save is known to nobody but hangs on the FIFO. */
static void dismiss_unknown(const struct state *s)
{
	_autoclose_ int fifo = -EBADF;

	if (s->pid > 0)
		return;
	fifo = sys_openat(s->dir, STATE_FIFO, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fifo >= 0)
		(void)sys_write(fifo, "q", 1);
}

int lifecycle_destroy(const struct runk *runk, struct state *s, struct err *err)
{
	struct groups g;
	int r = groups_init(runk, &g, err);

	if (r < 0)
		return r;
	g.host.keeps_parents = s->systemd;
	dismiss_unknown(s);
	r = kill_all(&g, s, err);
	if (r == 0 && s->cgroup && s->systemd)
		cgroup_scope_stop(CGROUP_SYSTEMCTL, s->cgroup, runk->is_rootless);
	if (r == 0 && s->cgroup && g.usable)
		r = cgroup_remove(&g.host, s->cgroup, err);
	if (r < 0)
		return err_wrap(err, "delete container '%s'", s->id);
	unmount_rootfs(s);
	run_kept_hooks(runk, s, HOOK_POSTSTOP);
	return state_remove(s, err);
}
