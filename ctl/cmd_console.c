/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/console.h"
#include "client/tty.h"
#include "ctl/command.h"
#include "lib/addr.h"
#include "lib/fd.h"

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	struct option_number port = { .value = CONSOLE_PORT };
	const struct option_spec table[] = {
		{ OPTION_NUMBER, 'p', "port", "N", &port, "the agent's agent.debug_console_vport, 1026 by default" },
		{ .kind = OPTION_END },
	};
	_autotty_ struct tty tty = { .is_raw = false };
	_autoclose_ int fd = -EBADF;
	struct err err = ERR_INIT;
	struct addr base, addr;
	int r, status;

	if (!ctl_parse(ctl, self, table, false, &argc, argv, 0, 0, &status))
		return status;
	if (!ctl->session.address)
		return ctl_usage_error("console: no address: give --address or set KATA_AGENT_ADDRESS");
	if (port.value < 1 || port.value > UINT32_MAX - 1)
		return ctl_usage_error("console: %lld is no port", (long long)port.value);
	r = addr_parse(&base, ctl->session.address, &err);
	if (r >= 0)
		r = addr_with_port(&addr, &base, (uint32_t)port.value, &err);
	if (r < 0)
		return ctl_usage_error("console: %s", err_text(&err));
	fd = addr_connect(&addr, ctl_timeout(ctl, CTL_TIMEOUT_MS), &err);
	if (fd < 0) {
		(void)fprintf(stderr, "kata-agent-ctl: console: %s\n", err_text(&err));
		return CTL_EXIT_CONNECTION;
	}
	(void)tty_make_raw(&tty, STDIN_FILENO);
	r = console_talk(fd);
	if (r == 0)
		return CTL_EXIT_OK;
	(void)fprintf(stderr, "kata-agent-ctl: console: %s\n", strerror(-r));
	return CTL_EXIT_CONNECTION;
}

const struct ctl_command cmd_console = {
	.name = "console",
	.operands = "",
	.summary = "A shell of the guest itself, if it was booted with agent.debug_console",
	.more = "Ends with the shell; at the end of our input 'exit' is typed",
	.run = run,
};
