/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "runk/command.h"
#include "runk/create_options.h"
#include "runk/lifecycle.h"

static const struct flag options[] = { CREATE_OPTIONS, { 0 } };

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	struct create_options *o = arg;
	_autolifecycle_ struct lifecycle l = LIFECYCLE_INIT;
	int r = create_options_check(runk, o, err);

	(void)argc;
	if (r == 0)
		r = lifecycle_create(&l, runk, &o->launch, argv[0], true, err);
	if (r == 0)
		l.launch.released = true; /* it waits for `start`, not for us */
	return r;
}

const struct command cmd_create = {
	"create", "<container-id>", "create a container", 1, 1, false, options, sizeof(struct create_options), run, 0,
};
