/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/command.h"
#include "runtime/supervisor.h"

static const struct flag options[] = { { 0 } };

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	(void)arg;
	(void)argc;
	(void)err;
	return supervisor_main(rt->root, argv[0]);
}

const struct command cmd_supervise = { "supervise", "<sandbox-id>", NULL, 1, 1, options, 0, run };
