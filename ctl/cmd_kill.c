/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "ctl/command.h"
#include "ctl/ident.h"
#include "proto/agent.pb-c.h"

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	Grpc__SignalProcessRequest request = GRPC__SIGNAL_PROCESS_REQUEST__INIT;
	const char *exec_id = NULL;
	bool all = false;
	const struct option_spec table[] = {
		{ OPTION_TEXT, 0, "exec", "EXECID", &exec_id, "signal this process, not the container's first one" },
		{ OPTION_FLAG, 0, "all", NULL, &all, "signal every process of the container (KILL only)" },
		{ .kind = OPTION_END },
	};
	int number, status;

	if (!ctl_parse(ctl, self, table, false, &argc, argv, 1, 2, &status))
		return status;
	number = argc > 1 ? ident_parse_signal(argv[1]) : all ? SIGKILL : SIGTERM;
	if (number < 0)
		return ctl_usage_error("kill: unknown signal '%s'", argv[1]);
	/* The protocol's way to say "all" is signal 9 to no process in particular. */
	if (all && (number != SIGKILL || exec_id))
		return ctl_usage_error("kill: --all goes with the signal KILL and without --exec");
	request.container_id = argv[0];
	request.exec_id = (char *)(all ? "" : exec_id ? exec_id : argv[0]);
	request.signal = (uint32_t)number;
	return ctl_call_empty(ctl, "SignalProcess", &request.base);
}

const struct ctl_command cmd_kill = {
	.name = "kill",
	.operands = "CID [SIGNAL]",
	.summary = "Send a signal (TERM) to a process of a container",
	.run = run,
};
