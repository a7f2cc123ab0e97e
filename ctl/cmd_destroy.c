/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command.h"
#include "proto/agent.pb-c.h"

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	static const struct option_spec none[] = { { .kind = OPTION_END } };
	Grpc__DestroySandboxRequest request = GRPC__DESTROY_SANDBOX_REQUEST__INIT;
	int status;

	if (!ctl_parse(ctl, self, none, false, &argc, argv, 0, 0, &status))
		return status;
	return ctl_call_empty(ctl, "DestroySandbox", &request.base);
}

const struct ctl_command cmd_destroy = {
	.name = "destroy",
	.operands = "",
	.summary = "End the sandbox and everything in it",
	.run = run,
};
