/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>

#include "lib/fd.h"
#include "lib/spawn.h"
#include "lib/sys.h"
#include "runtime/command.h"
#include "runtime/launch.h"
#include "runtime/remove.h"

static const struct flag options[] = {
	LAUNCH_OPTIONS,
	{ "detach", 'd', FLAG_BOOL, offsetof(struct launch_options, detach), "do not wait for its end" },
	{ 0 },
};

/* The stdio process has the same signals from the terminal and passes them on; we stay to clean up. */
static void ignore_signals(void)
{
	static const int numbers[] = { SIGINT, SIGQUIT, SIGHUP };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)signal(numbers[i], SIG_IGN);
}

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	const struct launch_options *o = arg;
	_autoclose_ int pidfd = -EBADF;
	struct err removed = ERR_INIT;
	pid_t pid;
	int r;

	(void)argc;
	pid = launch_create(rt, o, argv[0], &pidfd, err);
	if (pid < 0)
		return pid;
	r = launch_start(rt, argv[0], err);
	if (r == 0 && o->detach)
		return 0;
	ignore_signals();
	if (r == 0)
		r = spawn_wait(pidfd, -1);
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
