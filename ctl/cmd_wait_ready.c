/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "client/health.h"
#include "ctl/command.h"
#include "lib/addr.h"
#include "lib/sys.h"

#define WAIT_DEFAULT_MS 45000 /* what the Go shim gives a guest to boot */
#define TRY_MAX_MS      5000  /* a guest that accepts and never answers costs one of these */
#define PAUSE_MS        50

static int try_once(const struct ctl *ctl, unsigned timeout_ms, struct err *err)
{
	_autoclient_ struct client *client = NULL;
	int r;

	r = client_open(&client, ctl->session.address, timeout_ms, err);
	return r < 0 ? r : health_check(client, timeout_ms, err);
}

static int wait_ready(const struct ctl *ctl, unsigned limit_ms)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	const int64_t start = sys_now_ms();
	struct err err = ERR_INIT;
	unsigned tries = 0, left, spent = 0;
	int r;

	do {
		left = limit_ms - spent;
		r = try_once(ctl, left < TRY_MAX_MS ? left + 1 : TRY_MAX_MS, &err);
		tries++;
		spent = (unsigned)(sys_now_ms() - start);
		if (r == 0) {
			(void)printf("ready after %u.%03u s\n", spent / 1000, spent % 1000);
			return CTL_EXIT_OK;
		}
		(void)nanosleep(&pause, NULL);
		spent = (unsigned)(sys_now_ms() - start);
	} while (spent < limit_ms);
	(void)fprintf(stderr, "kata-agent-ctl: no agent at '%s' after %u.%03u s and %u tries, the last one: %s\n",
	              ctl->session.address, spent / 1000, spent % 1000, tries, err_text(&err));
	return CTL_EXIT_CONNECTION;
}

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	static const struct option_spec none[] = { { .kind = OPTION_END } };
	struct err err = ERR_INIT;
	struct addr addr;
	int status;

	if (!ctl_parse(ctl, self, none, false, &argc, argv, 0, 0, &status))
		return status;
	if (!ctl->session.address)
		return ctl_usage_error("no address: give --address or set KATA_AGENT_ADDRESS");
	if (addr_parse(&addr, ctl->session.address, &err) < 0)
		return ctl_usage_error("%s", err_text(&err));
	return wait_ready(ctl, ctl_timeout(ctl, WAIT_DEFAULT_MS));
}

const struct ctl_command cmd_wait_ready = {
	.name = "wait-ready",
	.operands = "",
	.summary = "Try to connect and check until the agent serves or --timeout (45 s) is over",
	.run = run,
};
