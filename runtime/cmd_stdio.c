/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "client/attach.h"
#include "runtime/command.h"

static const struct flag options[] = { { 0 } };

/* ADDRESS ID ["terminal"]: our pid stands for the container, and our exit status is its own. */
static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	struct session session = { "kata-runtime", argv[0], SESSION_TIMEOUT_UNSET, NULL };
	const struct attach_spec spec = {
		.cid = argv[1],
		.eid = argv[1],
		.interactive = true,
		.tty = argc > 2,
		.lost_status = 128 + SIGKILL,
	};
	int status = attach_run(&session, &spec, NULL, NULL);

	(void)rt;
	(void)arg;
	(void)err;
	session_done(&session);
	return status;
}

const struct command cmd_stdio = { "stdio", "<address> <container-id> [terminal]", NULL, 2, 3, options, 0, run };
