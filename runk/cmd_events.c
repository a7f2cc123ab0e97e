/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/cgroups/stats.h"
#include "lib/fd.h"
#include "lib/figures.h"
#include "lib/sys.h"
#include "runk/command.h"
#include "runk/groups.h"
#include "runk/state.h"

struct events_options {
	const char *interval;
	bool stats;
};

static const struct flag options[] = {
	{ "interval", 0, FLAG_TEXT, offsetof(struct events_options, interval),
	  "time between two, as 5s (default), 500ms, 1m" },
	{ "stats", 0, FLAG_BOOL, offsetof(struct events_options, stats), "print the figures once" },
	{ 0 },
};

static int print_figures(const struct groups *g, const struct state *s, struct err *err)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf text = BUF_INIT;
	struct cgroup_stats stats;
	int r = cgroup_stats_read(&g->host, s->cgroup, &arena, &stats, err);

	if (r < 0)
		return r;
	r = figures_format(s->id, &stats, &text);
	if (r < 0)
		return err_set(err, r, "print the figures of container '%s'", s->id);
	(void)fputs(buf_str(&text), stdout);
	return fflush(stdout) == 0 ? 0 : err_set(err, errno, "print the figures of container '%s'", s->id);
}

static void print_oom(const struct groups *g, const struct state *s, int64_t *seen)
{
	int64_t now = cgroup_oom_kills(&g->host, s->cgroup);

	if (now > *seen && *seen >= 0)
		(void)printf("{\"type\":\"oom\",\"id\":\"%s\"}\n", s->id);
	*seen = now;
}

/* Until the container's init ends. */
static int watch(const struct groups *g, const struct state *s, int interval_ms, struct err *err)
{
	_autoclose_ int pidfd = state_open_pid(s);
	struct pollfd poll = { .fd = pidfd, .events = POLLIN };
	int64_t ooms = cgroup_oom_kills(&g->host, s->cgroup);
	int r = 0;

	while (r == 0) {
		r = print_figures(g, s, err);
		if (r < 0)
			return r;
		r = sys_poll(&poll, 1, interval_ms);
		if (r < 0)
			return r == -EINTR ? 0 : err_set(err, r, "wait for the next figures of container '%s'", s->id);
		print_oom(g, s, &ooms);
	}
	return 0;
}

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	const struct events_options *o = arg;
	_autostate_ struct state s = STATE_INIT;
	struct groups g;
	int r, interval_ms = 5000;

	(void)argc;
	if (o->interval && flag_parse_interval(o->interval, &interval_ms) < 0)
		return err_say(err, EINVAL, "duration interval must be greater than 0: '%s'", o->interval);
	r = state_open(runk, argv[0], false, &s, err);
	if (r < 0)
		return r;
	if (state_status(&s) == STATE_STOPPED)
		return err_say(err, EINVAL, "container not running: '%s' is stopped", s.id);
	r = groups_open(runk, &s, "measure", &g, err);
	if (r < 0)
		return r;
	return o->stats ? print_figures(&g, &s, err) : watch(&g, &s, interval_ms, err);
}

const struct command cmd_events = {
	"events",
	"<container-id>",
	"print the figures of a container, and when it was out of memory",
	1,
	1,
	false,
	options,
	sizeof(struct events_options),
	run,
	0,
};
