/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "ctl/command.h"
#include "proto/agent.pb-c.h"

/* Whether this worked shows when the container is removed. */
static void kill_all(struct ctl *ctl, char *cid)
{
	Grpc__SignalProcessRequest request = GRPC__SIGNAL_PROCESS_REQUEST__INIT;
	_autoreply_ struct client_reply reply = { .text = "" };

	request.container_id = cid;
	request.signal = SIGKILL;
	(void)ctl_call_quiet(ctl, "SignalProcess", &request.base, &reply);
}

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	Grpc__RemoveContainerRequest request = GRPC__REMOVE_CONTAINER_REQUEST__INIT;
	bool force = false;
	const struct option_spec table[] = {
		{ OPTION_FLAG, 'f', "force", NULL, &force, "kill its processes first" },
		{ .kind = OPTION_END },
	};
	int status;

	if (!ctl_parse(ctl, self, table, false, &argc, argv, 1, 1, &status))
		return status;
	status = ctl_open(ctl);
	if (status != CTL_EXIT_OK)
		return status;
	if (force)
		kill_all(ctl, argv[0]);
	request.container_id = argv[0];
	return ctl_call_empty(ctl, "RemoveContainer", &request.base);
}

const struct ctl_command cmd_rm = {
	.name = "rm",
	.operands = "CID",
	.summary = "Remove a container",
	.run = run,
};
