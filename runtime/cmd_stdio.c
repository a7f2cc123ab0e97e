/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/command.h"
#include "runtime/stdio.h"

static const struct flag options[] = { { 0 } };

/* Our pid stands for the process, and our exit status is its own. */
static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	(void)arg;
	(void)err;
	return stdio_serve(rt->root, argv[0], argv[1], argv[2], argc > 3);
}

const struct command cmd_stdio = {
	"stdio", "<address> <container-id> <exec-id> [terminal]", NULL, 3, 4, options, 0, run,
};
