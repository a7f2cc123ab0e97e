/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/command.h"
#include "runtime/rootfs.h"

static const struct flag options[] = { { 0 } };

/* What would keep a supervisor from its other containers. */
static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	(void)rt;
	(void)arg;
	(void)argc;
	return rootfs_fill_image(ROOTFS_PACK_FD, argv[0], strcmp(argv[1], "ro") == 0, err);
}

const struct command cmd_pack = { "pack", "<directory> <ro|rw>", NULL, 2, 2, options, 0, run };
