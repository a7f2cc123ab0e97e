/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/signame.h"
#include "lib/sys.h"
#include "runk/command.h"
#include "runk/groups.h"
#include "runk/state.h"

struct kill_options {
	bool all;
};

static const struct flag options[] = {
	{ "all", 'a', FLAG_BOOL, offsetof(struct kill_options, all), "signal every process of the container" },
	{ 0 },
};

static int signal_one(pid_t pid, void *arg)
{
	_autoclose_ int pidfd = sys_pidfd_open(pid);
	int r = pidfd < 0 ? pidfd : sys_pidfd_send_signal(pidfd, *(const int *)arg);

	return r == -ESRCH ? 0 : r;
}

/* Also when the init has ended: in a shared pid namespace others may live on. */
static int kill_all(const struct runk *runk, const struct state *s, int signo, struct err *err)
{
	struct groups g;
	int r = groups_open(runk, s, "signal all processes of", &g, err);

	if (r < 0)
		return r;
	if (signo == SIGKILL)
		return cgroup_kill(&g.host, s->cgroup, err);
	return groups_each(&g, s, signal_one, &signo, err);
}

/* Where its init is nobody's init, its death alone would leave the others running. */
static bool outlives_init(const struct runk *runk, const struct state *s)
{
	struct groups g;

	return s->shares_pids && groups_init(runk, &g, NULL) == 0 && g.usable && cgroup_count(&g.host, s->cgroup) > 0;
}

/* 0 only asks whether there is a process. */
static int parse_signal(const char *text)
{
	return strcmp(text, "0") == 0 ? 0 : signame_parse(text);
}

/* A frozen process of cgroup v1 dies when it is thawed; whoever kills it means now. */
static int thaw(const struct runk *runk, struct state *s, struct err *err)
{
	_autostate_ struct state locked = STATE_INIT;
	struct groups g;
	int r = state_open(runk, s->id, true, &locked, err);

	if (r < 0 || !locked.paused)
		return r;
	r = groups_open(runk, &locked, "thaw", &g, err);
	if (r == 0)
		r = cgroup_freeze(&g.host, locked.cgroup, false, err);
	if (r < 0)
		return r;
	locked.paused = false;
	return state_save(&locked, err);
}

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	const struct kill_options *o = arg;
	_autostate_ struct state s = STATE_INIT;
	_autoclose_ int pidfd = -EBADF;
	int r, signo = parse_signal(argc > 1 ? argv[1] : "TERM");

	if (signo < 0)
		return err_say(err, EINVAL, "unknown signal \"%s\"", argv[1]);
	r = state_open(runk, argv[0], false, &s, err);
	if (r < 0)
		return r;
	if (s.cgroup && (o->all || (signo == SIGKILL && outlives_init(runk, &s)))) {
		r = kill_all(runk, &s, signo, err);
		return r < 0 || signo != SIGKILL || !s.paused ? r : thaw(runk, &s, err);
	}
	pidfd = state_open_pid(&s);
	r = pidfd < 0 ? pidfd : sys_pidfd_send_signal(pidfd, signo);
	if (r == -ESRCH)
		return err_say(err, ESRCH, "container not running: '%s' is %s", s.id,
		               state_status_name(state_status(&s)));
	if (r < 0)
		return err_set(err, r, "signal container '%s'", s.id);
	return signo == SIGKILL && s.paused ? thaw(runk, &s, err) : 0;
}

const struct command cmd_kill = {
	"kill",
	"<container-id> [signal]",
	"send a signal (default: SIGTERM) to the container's init",
	1,
	2,
	false,
	options,
	sizeof(struct kill_options),
	run,
	0,
};
