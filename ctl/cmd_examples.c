/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "ctl/command.h"

/* Written for a shell, with the variables that a reader would fill in. */
static const char text[] =
	"# The agent of a VM, of a VM behind a hybrid vsock socket, of this machine.\n"
	"kata-agent-ctl connect --server-address vsock://3:1024 -c Check\n"
	"kata-agent-ctl connect --server-address unix:///run/vc/vm/foo/clh.sock --hybrid-vsock -c Check\n"
	"kata-agent-ctl connect --server-address unix:///tmp/agent.socket -c Check -c GetGuestDetails\n"
	"kata-agent-ctl connect --server-address unix://@/tmp/abstract.socket -c Check GetGuestDetails\n"
	"export KATA_AGENT_ADDRESS=vsock://3:1024    # for all of the following\n"
	"\n"
	"# All commands; a prompt with line editing and history; commands from a file.\n"
	"kata-agent-ctl connect -c list\n"
	"kata-agent-ctl connect -i\n"
	"kata-agent-ctl connect -i <commands.txt\n"
	"\n"
	"# Random names.\n"
	"cid=$(kata-agent-ctl generate-cid)\n"
	"sid=$(kata-agent-ctl generate-sid)\n"
	"\n"
	"# A sandbox with one container, its exit status, and all gone again. Names are made up where none is given,\n"
	"# and used by the commands that follow.\n"
	"kata-agent-ctl connect --bundle-dir \"$bundle\" -c CreateSandbox -c CreateContainer -c StartContainer \\\n"
	"    -c WaitProcess -c RemoveContainer -c DestroySandbox\n"
	"\n"
	"# The same with names, and with a specification of one's own.\n"
	"kata-agent-ctl connect -c \"CreateSandbox sid=$sid\" -c \"CreateContainer cid=$cid "
	"spec=file:///tmp/config.json\" \\\n"
	"    -c StartContainer -c 'sleep 5s' -c 'SignalProcess signal=usr1' -c 'ReadStdout len=100'\n"
	"\n"
	"# Requests in JSON, by the field names of the protocol, whole or in part.\n"
	"kata-agent-ctl connect -c 'CreateSandbox json://{\"sandbox_id\":\"foo\",\"hostname\":\"bar\"}' -c "
	"'StatsContainer file:///tmp/request.json'\n"
	"kata-agent-ctl connect -n -c ListInterfaces    # nothing is added\n"
	"\n"
	"# A file for the guest.\n"
	"kata-agent-ctl connect -c 'CopyFile "
	"json://{\"src\":\"/etc/hosts\",\"dest\":\"/run/kata-containers/shared/containers/hosts\"}'\n"
	"\n"
	"# Seven times, whatever comes of it; for ever, with a limit for each call.\n"
	"kata-agent-ctl connect --ignore-errors -c 'repeat 7' CreateSandbox\n"
	"kata-agent-ctl connect --timeout 2s -c 'repeat -1' GetGuestDetails\n";

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	static const struct option_spec none[] = { { .kind = OPTION_END } };
	int status;

	if (!ctl_parse(ctl, self, none, false, &argc, argv, 0, 0, &status))
		return status;
	(void)fputs(text, stdout);
	return CTL_EXIT_OK;
}

const struct ctl_command cmd_examples = {
	.name = "examples",
	.operands = "",
	.summary = "Show how 'connect' is used",
	.run = run,
};
