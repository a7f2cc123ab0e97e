/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "client/health.h"
#include "ctl/command.h"
#include "proto/health.pb-c.h"

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	static const struct option_spec none[] = { { .kind = OPTION_END } };
	_autoreply_ struct client_reply reply = { .text = "" };
	const Grpc__VersionCheckResponse *version;
	struct err err = ERR_INIT;
	int r, status;

	if (!ctl_parse(ctl, self, none, false, &argc, argv, 0, 0, &status))
		return status;
	status = ctl_open(ctl);
	if (status != CTL_EXIT_OK)
		return status;
	r = health_check(ctl->session.client, ctl_timeout(ctl, CTL_TIMEOUT_MS), &err);
	if (r == 0)
		r = health_version(ctl->session.client, ctl_timeout(ctl, CTL_TIMEOUT_MS), &reply, &err);
	if (r != 0) {
		(void)fprintf(stderr, "%s\n", err_text(&err));
		return r == -ENOTCONN ? CTL_EXIT_CONNECTION : CTL_EXIT_FAILED;
	}
	version = (const Grpc__VersionCheckResponse *)reply.message;
	if (ctl->json)
		return ctl_print_json(reply.message);
	(void)printf("serving, agent %s, protocol %s\n", version->agent_version, version->grpc_version);
	return CTL_EXIT_OK;
}

const struct ctl_command cmd_check = {
	.name = "check",
	.operands = "",
	.summary = "Ask the agent whether it serves, and for its version",
	.run = run,
};
