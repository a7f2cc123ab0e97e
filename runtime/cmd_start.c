/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/command.h"
#include "runtime/launch.h"

static const struct flag options[] = { { 0 } };

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	(void)arg;
	(void)argc;
	return launch_start(rt, argv[0], err);
}

const struct command cmd_start = {
	"start", "<container-id>", "start a container that was created", 1, 1, options, 0, run,
};
