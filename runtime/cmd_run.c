/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "runtime/command.h"
#include "runtime/launch.h"
#include "runtime/remove.h"

static const struct flag options[] = {
	LAUNCH_OPTIONS,
	{ "detach", 'd', FLAG_BOOL, offsetof(struct launch_options, detach), "do not wait for its end" },
	{ 0 },
};

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
