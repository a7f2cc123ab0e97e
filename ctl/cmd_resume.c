/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command.h"
#include "proto/agent.pb-c.h"

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	static const struct option_spec none[] = { { .kind = OPTION_END } };
	Grpc__ResumeContainerRequest request = GRPC__RESUME_CONTAINER_REQUEST__INIT;
	int status;

	if (!ctl_parse(ctl, self, none, false, &argc, argv, 1, 1, &status))
		return status;
	request.container_id = argv[0];
	return ctl_call_empty(ctl, "ResumeContainer", &request.base);
}

const struct ctl_command cmd_resume = {
	.name = "resume",
	.operands = "CID",
	.summary = "Let a frozen container go on",
	.run = run,
};
