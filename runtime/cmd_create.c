/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "runtime/command.h"
#include "runtime/launch.h"

static const struct flag options[] = { LAUNCH_OPTIONS, { 0 } };

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	_autostdio_ struct stdio stdio = STDIO_INIT;

	(void)argc;
	return launch_create(rt, arg, argv[0], &stdio, err);
}

const struct command cmd_create = {
	"create",
	"<container-id>",
	"create a container, in a VM of its own or in its pod's",
	1,
	1,
	options,
	sizeof(struct launch_options),
	run,
};
