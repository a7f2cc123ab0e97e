/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>

#include "ctl/command.h"
#include "lib/log.h"

int main(int argc, char **argv)
{
	struct ctl ctl = {
		.session = { "kata-agent-ctl", getenv("KATA_AGENT_ADDRESS"), CTL_TIMEOUT_UNSET, NULL },
	};
	const struct ctl_command *command;
	int status;

	/* A reader of our output who goes away is an error of a write, not the end of a container's client. */
	(void)signal(SIGPIPE, SIG_IGN);

	log_set_name("kata-agent-ctl", "agent-ctl");

	argc--;
	argv++;
	if (!ctl_parse_global(&ctl, &argc, argv, &status))
		return status;

	command = command_find(argv[0]);
	if (!command)
		return ctl_usage_error("unknown command '%s', see --help", argv[0]);
	status = command->run(&ctl, command, argc - 1, argv + 1);
	ctl_done(&ctl);

	/* A result that could not be written is no success. */
	if (fflush(stdout) != 0 && status == CTL_EXIT_OK)
		status = CTL_EXIT_FAILED;
	return status;
}
