/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "runk/command.h"
#include "runk/groups.h"
#include "runk/state.h"

static const struct flag options[] = { { 0 } };

static int check(const struct state *s, bool freeze, struct err *err)
{
	enum state_status status = state_status(s);

	if (status == STATE_STOPPED || status == STATE_CREATING)
		return err_say(err, EINVAL, "container not running: '%s' is %s", s->id, state_status_name(status));
	if (!freeze && !s->paused)
		return err_say(err, EINVAL, "container not paused: '%s' is %s", s->id, state_status_name(status));
	if (freeze && status == STATE_PAUSED)
		return err_say(err, EINVAL, "container not running: '%s' is paused already", s->id);
	return 0;
}

static int set_frozen(const struct runk *runk, const char *id, bool freeze, struct err *err)
{
	_autostate_ struct state s = STATE_INIT;
	struct groups g;
	int r = state_open(runk, id, true, &s, err);

	if (r == 0)
		r = check(&s, freeze, err);
	if (r == 0)
		r = groups_open(runk, &s, freeze ? "pause" : "resume", &g, err);
	if (r == 0)
		r = cgroup_freeze(&g.host, s.cgroup, freeze, err);
	if (r < 0)
		return r;
	s.paused = freeze;
	return state_save(&s, err);
}

static int run_pause(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	(void)arg;
	(void)argc;
	return set_frozen(runk, argv[0], true, err);
}

static int run_resume(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	(void)arg;
	(void)argc;
	return set_frozen(runk, argv[0], false, err);
}

const struct command cmd_pause = {
	"pause", "<container-id>", "suspend all processes of a container", 1, 1, false, options, 0, run_pause, 0,
};

const struct command cmd_resume = {
	"resume", "<container-id>", "resume all processes of a container", 1, 1, false, options, 0, run_resume, 0,
};
