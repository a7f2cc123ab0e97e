/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/jsontext.h"
#include "runtime/command.h"
#include "runtime/launch.h"
#include "runtime/remove.h"
#include "runtime/view.h"

#define LOST_STATUS (128 + SIGKILL)
#define END_LOOKS   300 /* for what a sandbox that ends writes down last */
#define END_LOOK_US 100000

static const struct flag options[] = {
	LAUNCH_OPTIONS,
	{ "detach", 'd', FLAG_BOOL, offsetof(struct launch_options, detach), "do not wait for its end" },
	{ 0 },
};

/* The container's status alone would be that of a kill. */
static void tell_loss(const struct runtime *rt, const char *id)
{
	struct err why = ERR_INIT;
	bool is_over = false;

	for (int i = 0; i < END_LOOKS && !is_over; i++) {
		_autoview_ struct view v = { .sandbox = NULL };
		const char *ended;

		if (i > 0)
			(void)usleep(END_LOOK_US);
		if (view_open(rt->root, id, &v, NULL) < 0 || strcmp(v.sandbox, id) != 0)
			return;
		is_over = !v.is_served;
		ended = v.state ? jsontext_text(v.state, "ended") : "";
		if (*ended) {
			(void)err_say(&why, EIO, "container '%s': its VM has gone: %s", id, ended);
			runtime_log_error(rt, &why);
			return;
		}
	}
}

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	const struct launch_options *o = arg;
	_autostdio_ struct stdio stdio = STDIO_INIT;
	struct err removed = ERR_INIT;
	int r;

	(void)argc;
	stdio_block_signals();
	r = launch_create(rt, o, argv[0], &stdio, err);
	if (r < 0)
		return r;
	r = stdio_is_interrupted() ? err_say(err, EINTR, "run container '%s': interrupted", argv[0])
	                           : launch_start(rt, argv[0], err);
	if (r == 0 && o->detach)
		return 0;
	if (r == 0)
		r = stdio_wait(&stdio);
	if (r == LOST_STATUS)
		tell_loss(rt, argv[0]);
	if (remove_container(rt, argv[0], true, &removed) < 0)
		runtime_log_error(rt, &removed);
	return r;
}

const struct command cmd_run = {
	"run",
	"<container-id>",
	"create, start, wait for the end, delete; the exit status is the container's",
	1,
	1,
	options,
	sizeof(struct launch_options),
	run,
};
