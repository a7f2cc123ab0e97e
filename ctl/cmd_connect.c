/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/connect_args.h"
#include "ctl/duration.h"
#include "ctl/prompt.h"
#include "ctl/script.h"
#include "lib/addr.h"

#define HYBRID_PORT 1024
#define NS_PER_MS   UINT64_C(1000000)

struct connect_options {
	const char *server_address, *bundle_dir, *timeout, *vm;
	struct option_list commands;
	struct option_number port, repeat;
	bool interactive, ignore_errors, hybrid, no_auto_values;
};

static bool parse(struct ctl *ctl, const struct ctl_command *self, struct connect_options *o, int argc, char **argv,
                  int *ret_status)
{
	const struct option_spec table[] = {
		{ OPTION_TEXT, 0, "server-address", "URI", &o->server_address, "the agent's address; else --address" },
		{ OPTION_LIST, 'c', "cmd", "COMMAND", &o->commands, "run a command; several words of -c are several" },
		{ OPTION_FLAG, 'i', "interactive", NULL, &o->interactive, "read commands from the terminal or stdin" },
		{ OPTION_TEXT, 0, "bundle-dir", "DIR", &o->bundle_dir,
		  "OCI bundle for CreateContainer and ExecProcess" },
		{ OPTION_FLAG, 0, "ignore-errors", NULL, &o->ignore_errors, "go on after a command that failed" },
		{ OPTION_FLAG, 0, "hybrid-vsock", NULL, &o->hybrid, "the unix socket wants CONNECT PORT first" },
		{ OPTION_NUMBER, 0, "hybrid-vsock-port", "PORT", &o->port, "1024 if not given" },
		{ OPTION_FLAG, 'n', "no-auto-values", NULL, &o->no_auto_values, "send only what was given" },
		{ OPTION_TEXT, 0, "timeout", "TIME", &o->timeout,
		  "of each call: nanoseconds, or 99ns, 30us, 2ms, 5s, 7m; 0 = none" },
		{ OPTION_NUMBER, 0, "repeat", "N", &o->repeat, "run each command N times, -1 = for ever" },
		{ OPTION_TEXT, 0, "vm", "HYPERVISOR", &o->vm, "not here: start a VM and give its address" },
		{ .kind = OPTION_END },
	};

	if (!ctl_parse(ctl, self, table, false, &argc, argv, 0, 0, ret_status))
		return false;
	if (o->vm)
		*ret_status = ctl_usage_error("connect: --vm: no VM is started here, start one and give its address");
	else if (o->commands.n == 0 && !o->interactive)
		*ret_status = ctl_usage_error("connect: nothing to do, give -c COMMAND or -i");
	else if (o->repeat.is_set && o->repeat.value < -1)
		*ret_status = ctl_usage_error("connect: --repeat wants a number of times, or -1");
	else if (o->port.is_set && (o->port.value < 0 || o->port.value > UINT32_MAX))
		*ret_status = ctl_usage_error("connect: --hybrid-vsock-port: no port has that number");
	else
		return true;
	return false;
}

/* The address in our form, which tells a socket with CONNECT by its scheme. */
static int find_address(struct ctl *ctl, const struct connect_options *o, struct arena *arena)
{
	const char *given = o->server_address ? o->server_address : ctl->session.address;
	struct err err = ERR_INIT;
	struct addr addr;

	if (!given && ctl->session.client)
		return CTL_EXIT_OK;
	if (!given)
		return ctl_usage_error("connect: no address: give --server-address");
	if (addr_parse(&addr, given, &err) < 0)
		return ctl_usage_error("connect: %s", err_text(&err));
	ctl->session.address = given;
	if (!o->hybrid || addr.kind == ADDR_HVSOCK)
		return CTL_EXIT_OK;
	if (addr.kind != ADDR_UNIX || addr.path[0] != '/')
		return ctl_usage_error("connect: --hybrid-vsock wants unix:///PATH, not '%s'", given);
	ctl->session.address = arena_printf(arena, "hvsock://%s:%lld", addr.path,
	                                    (long long)(o->port.is_set ? o->port.value : HYBRID_PORT));
	return ctl->session.address ? CTL_EXIT_OK : ctl_usage_error("connect: out of memory");
}

static int set_timeout(struct ctl *ctl, const struct connect_options *o)
{
	struct err err = ERR_INIT;
	uint64_t ns;

	/* As upstream: nothing is waited for less than for ever, unless somebody says so. */
	ctl->session.timeout_ms = ctl_timeout(ctl, 0);
	if (!o->timeout)
		return CTL_EXIT_OK;
	if (duration_parse(o->timeout, true, &ns, &err) < 0)
		return ctl_usage_error("connect: --timeout: %s", err_text(&err));
	if (ns / NS_PER_MS >= INT32_MAX)
		return ctl_usage_error("connect: --timeout: '%s' is too long a time", o->timeout);
	/* The wire counts nanoseconds, we do not; a short time is not none. */
	ctl->session.timeout_ms = (unsigned)((ns + NS_PER_MS - 1) / NS_PER_MS);
	return CTL_EXIT_OK;
}

static int run_commands(struct script *s, const struct connect_options *o)
{
	int status;

	for (size_t i = 0; i < o->commands.n && !s->is_over; i++) {
		if (o->repeat.is_set)
			s->repeat = o->repeat.value;
		status = script_run_all(s, &o->commands.v[i], 1);
		if (status != CTL_EXIT_OK)
			return status;
	}
	return CTL_EXIT_OK;
}

static int connect_and_run(struct ctl *ctl, const struct connect_options *o)
{
	struct script script = SCRIPT_INIT;
	int status = CTL_EXIT_OK;

	script.ctl = ctl;
	script.bundle_dir = o->bundle_dir;
	script.auto_values = !o->no_auto_values;
	script.ignore_errors = o->ignore_errors;
	/* Who is about to type wants to know at once that nobody is there. */
	if (o->interactive)
		status = script_open(&script);
	if (status == CTL_EXIT_OK)
		status = run_commands(&script, o);
	if (status == CTL_EXIT_OK && o->interactive && !script.is_over)
		status = prompt_run(&script);
	script_done(&script);
	return status;
}

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	_autoarena_ struct arena arena = { 0 };
	struct connect_options o = { .server_address = NULL };
	struct err err = ERR_INIT;
	int status = CTL_EXIT_USAGE;

	if (connect_args_rewrite(argc, argv, &arena, &argc, &argv, &err) < 0)
		return ctl_usage_error("connect: %s", err_text(&err));
	if (parse(ctl, self, &o, argc, argv, &status)) {
		status = find_address(ctl, &o, &arena);
		if (status == CTL_EXIT_OK)
			status = set_timeout(ctl, &o);
		if (status == CTL_EXIT_OK)
			status = connect_and_run(ctl, &o);
	}
	option_list_done(&o.commands);
	/* The address may be the arena's. */
	ctl->session.address = NULL;
	return status;
}

const struct ctl_command cmd_connect = {
	.name = "connect",
	.operands = "",
	.summary = "Run commands as upstream's tool has them, from the command line or typed",
	.more = "'-c list' prints the commands, 'kata-agent-ctl examples' shows how they are used. Results are JSON "
		"on\n"
		"stdout, one line a call; logs are JSON on stderr. --timeout is in seconds before 'connect'",
	.run = run,
};
