/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "agent/validate.h"
#include "lib/fd.h"
#include "lib/oci_exec.h"
#include "runk/adapt.h"
#include "runk/command.h"
#include "runk/create_options.h"
#include "runk/exec_cgroup.h"
#include "runk/groups.h"
#include "runk/launch.h"
#include "runk/rootless.h"
#include "runk/state.h"
#include "runk/supervise.h"

struct exec_options {
	struct launch_options launch;
	struct oci_exec_options process;
	struct flag_number preserve_fds;
	struct flag_list cgroup;
	bool ignore_paused, no_subreaper;
};

#define TO(member) offsetof(struct exec_options, member)

static const struct flag options[] = {
	{ "console-socket", 0, FLAG_TEXT, TO(launch.console_socket),
	  "unix socket that receives the terminal's master" },
	{ "pid-file", 0, FLAG_TEXT, TO(launch.pid_file), "file for the process id" },
	{ "pidfd-socket", 0, FLAG_TEXT, TO(launch.pidfd_socket), "unix socket that receives a pidfd of the process" },
	{ "detach", 'd', FLAG_BOOL, TO(launch.detach), "do not wait for its end" },
	OCI_EXEC_FLAGS(TO(process)),
	{ "apparmor", 0, FLAG_TEXT, TO(process.apparmor), "AppArmor profile" },
	{ "process-label", 0, FLAG_TEXT, TO(process.label), "SELinux label" },
	{ "preserve-fds", 0, FLAG_NUMBER, TO(preserve_fds), "hand on so many fds after 2 (and those of LISTEN_FDS)" },
	{ "ignore-paused", 0, FLAG_BOOL, TO(ignore_paused), "also in a paused container, where it will wait" },
	{ "no-subreaper", 0, FLAG_BOOL, TO(no_subreaper), "do not adopt orphans" },
	{ "cgroup", 0, FLAG_LIST, TO(cgroup), "[controller[,...]:]path of a cgroup below the container's" },
	{ 0 },
};

static int check_status(const struct state *s, const struct exec_options *o, struct err *err)
{
	switch (state_status(s)) {
	case STATE_CREATED:
	case STATE_RUNNING:
		return 0;
	case STATE_PAUSED:
		return o->ignore_paused
		               ? 0
		               : err_say(err, EBUSY,
		                         "cannot exec in a paused container (use --ignore-paused to override): '%s'",
		                         s->id);
	case STATE_CREATING:
	case STATE_STOPPED:
		break;
	}
	return err_say(err, ESRCH, "cannot exec in a stopped container: '%s' is not running", s->id);
}

/* The container's cgroups, and where in them the process goes. */
struct where {
	struct groups groups;
	struct exec_cgroup cgroup;
};

static int find_cgroup(struct launch *l, struct state *s, const struct exec_options *o, struct where *w,
                       struct err *err)
{
	struct build_request *q = &l->request;
	int r = s->cgroup ? groups_init(l->runk, &w->groups, err) : 0;

	if (r == 0 && o->cgroup.n > 0 && !w->groups.usable)
		return err_say(err, ENOTSUP, "--cgroup '%s': container '%s' has no cgroup", o->cgroup.v[0], s->id);
	if (r == 0 && w->groups.usable)
		r = exec_cgroup_parse(&s->arena, s, &w->groups.host, &o->cgroup, &w->cgroup, err);
	if (r < 0)
		return r;
	q->cgroup_host = &w->groups.host;
	q->cgroup_path = w->cgroup.path;
	if (w->cgroup.n > 0) {
		q->move = exec_cgroup_move;
		q->move_arg = &w->cgroup;
	} else if (o->cgroup.n == 0) { /* systemd knows the scope only */
		q->move = groups_mover(l->runk, s);
		q->move_arg = s;
	}
	return 0;
}

static int fill(struct launch *l, struct state *s, const struct exec_options *o, struct where *w, struct err *err)
{
	struct build_request *q = &l->request;
	int r = find_cgroup(l, s, o, w, err);

	q->id = s->id;
	q->is_exec = true;
	q->init_pid = s->pid;
	q->park = q->late_report = -EBADF;
	q->preserve_fds = (unsigned)o->launch.preserve_fds;
	for (int i = 0; i < 3; i++)
		q->stdio[i] = i;
	return r;
}

/* Signals are ours from before the release on; earlier ones end us, and with us the process that waits for it. */
static int start(struct launch *l, struct supervisor *supervisor, const struct exec_options *o, struct err *err)
{
	int r = launch_build(l, err);

	if (r == 0)
		r = launch_wait_ready(l, err);
	if (r == 0)
		r = launch_write_pid_file(l, err);
	if (r == 0 && !o->launch.detach)
		r = supervise_start(supervisor, !o->no_subreaper, err);
	return r < 0 ? r : launch_let_go(l, err);
}

static int make_process(const struct runk *runk, struct state *s, struct oci_spec *spec, const struct exec_options *o,
                        int argc, char **argv, struct oci_process **ret, struct err *err)
{
	_autobuf_ struct buf told = BUF_INIT, ignored = BUF_INIT;
	/* Of the container's own it was told when that was created. */
	int r = spec->process ? adapt_capabilities(spec, spec->process, &told, err) : 0;

	if (r == 0)
		r = oci_exec_make(&s->arena, spec, &o->process, argc, argv, &ignored, ret, err);
	if (r == 0)
		r = container_validate_process(*ret, err);

	if (r == 0)
		r = adapt_check_labels(spec, *ret, err);
	if (r == 0)
		r = adapt_capabilities(spec, *ret, &ignored, err);
	if (r == 0 && ignored.len > 0)
		runk_log_warning(runk, "ignoring unknown or unavailable capabilities: [%s]", buf_str(&ignored));
	return r;
}

static int start_in(struct launch *l, struct state *s, struct where *w, struct supervisor *supervisor,
                    const struct exec_options *o, int argc, char **argv, struct err *err)
{
	struct oci_spec *spec = NULL;
	struct oci_process *process = NULL;
	_autoclose_ int pidfd = -EBADF;
	int r = state_load_spec(s, &spec, err);

	if (r < 0)
		return r;
	pidfd = state_open_pid(s);
	if (pidfd < 0)
		return err_say(err, ESRCH, "cannot exec in a stopped container: '%s' is not running", s->id);
	if (s->has_userns && rootless_is_needed())
		r = rootless_join(pidfd, spec, err);
	if (r == 0)
		r = make_process(l->runk, s, spec, o, argc, argv, &process, err);
	if (r == 0)
		r = launch_add_listen_env(&s->arena, process, err);
	if (r == 0)
		r = launch_check_terminal(&o->launch, process->terminal, o->launch.detach, err);
	if (r == 0)
		r = fill(l, s, o, w, err);
	if (r < 0)
		return r;
	l->request.spec = spec;
	l->request.process = process;
	l->request.init_pidfd = pidfd;
	return start(l, supervisor, o, err);
}

static int exec(const struct runk *runk, struct supervisor *supervisor, const struct exec_options *o, int argc,
                char **argv, struct err *err)
{
	_autostate_ struct state s = STATE_INIT;
	_autolaunch_ struct launch l = LAUNCH_INIT;
	struct where w = { 0 };
	int r = state_open(runk, argv[0], false, &s, err);

	l.runk = runk;
	l.options = &o->launch;
	if (r == 0)
		r = check_status(&s, o, err);
	if (r == 0)
		r = start_in(&l, &s, &w, supervisor, o, argc - 1, argv + 1, err);
	if (r < 0 || o->launch.detach)
		return r;
	return supervise_wait(supervisor, l.result.pid, l.result.pidfd, l.master, err);
}

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	struct exec_options *o = arg;
	struct supervisor supervisor = { .signals = -EBADF, .notify = -EBADF };
	int r = create_options_preserve(&o->preserve_fds, &o->launch.preserve_fds, err);

	if (r == 0)
		r = exec(runk, &supervisor, o, argc, argv, err);
	supervise_done(&supervisor);
	return r < 0 ? err_wrap(err, "exec failed") : r;
}

const struct command cmd_exec = {
	"exec",
	"<container-id> <command> [args...]",
	"run another process in a container",
	1,
	-1,
	true,
	options,
	sizeof(struct exec_options),
	run,
	RUNK_EXIT_EXEC,
};
