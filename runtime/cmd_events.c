/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/sys.h"
#include "runtime/ask.h"
#include "runtime/command.h"
#include "runtime/view.h"

#define ASK_MS 70000

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

static int print_figures(const struct runtime *rt, const char *id, const struct view *v, int64_t *seen, struct err *err)
{
	_autojson_ struct json_object *request = ask_new("stats", id), *answer = NULL;
	int r = view_ask(rt->root, v, request, ASK_MS, &answer, err);
	int64_t ooms;

	if (r < 0)
		return r;
	ooms = jsontext_number(answer, "ooms");
	if (*seen >= 0 && ooms > *seen)
		(void)printf("{\"type\":\"oom\",\"id\":\"%s\"}\n", id);
	*seen = ooms;
	(void)fputs(jsontext_text(answer, "stats"), stdout);
	return fflush(stdout) == 0 ? 0 : err_set(err, errno, "print the figures of container '%s'", id);
}

/* Until the container's end, which its stdio process shares. */
static int watch(const struct runtime *rt, const char *id, const struct view *v, int interval_ms, struct err *err)
{
	_autoclose_ int pidfd = view_open_process(v->container);
	struct pollfd poll = { .fd = pidfd, .events = POLLIN };
	int64_t ooms = -1;
	int r = pidfd < 0 ? err_set(err, -pidfd, "watch container '%s'", id) : 0;

	while (r == 0) {
		r = print_figures(rt, id, v, &ooms, err);
		if (r < 0)
			return sys_poll(&poll, 1, 0) > 0 ? 0 : r;
		r = sys_poll(&poll, 1, interval_ms);
	}
	return r > 0 || r == -EINTR ? 0 : r;
}

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	const struct events_options *o = arg;
	_autoview_ struct view v = { .sandbox = NULL };
	int r, interval_ms = 5000;
	int64_t ooms = -1;

	(void)argc;
	if (o->interval && flag_parse_interval(o->interval, &interval_ms) < 0)
		return err_say(err, EINVAL, "duration interval must be greater than 0: '%s'", o->interval);
	r = view_open_running(rt->root, argv[0], &v, err);
	if (r < 0)
		return r;
	return o->stats ? print_figures(rt, argv[0], &v, &ooms, err) : watch(rt, argv[0], &v, interval_ms, err);
}

const struct command cmd_events = {
	"events",
	"<container-id>",
	"print the figures of a container, and when it was out of memory",
	1,
	1,
	options,
	sizeof(struct events_options),
	run,
};
