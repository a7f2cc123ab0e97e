/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What concerns the whole guest: CPUs, memory, clock, entropy, swap, policy. An agent that may not change its machine
 * (a test's) says EPERM: those cases are skipped.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

/* OK, or the machine is not the agent's. */
static bool allowed(struct conform *c)
{
	if (c->reply.code == RPC_OK)
		return true;
	if (strcasestr(c->reply.text, "not permitted") || strcasestr(c->reply.text, "read-only file system"))
		return conform_skip(c, "the agent may not change its machine: %.100s", c->reply.text);
	return conform_fail(c, "%.400s", c->reply.text);
}

#define MACHINE(kind, name_, json_, run_)                                                                              \
	{                                                                                                              \
		.name = name_, kind, .json = json_, .codes = IS_OK | IS_INTERNAL, .run = run_                          \
	}

/* An hour ahead and back again; a container sees it. */
static bool clock_is_set(struct conform *c)
{
	long long now = (long long)time(NULL), then;
	_autobuf_ struct buf out = BUF_INIT;

	if (!conform_call(c, "SetGuestDateTime", IS_OK | IS_INTERNAL, "{\"Sec\":%lld,\"Usec\":1}", now + 3600) ||
	    !allowed(c))
		return false;
	if (!conform_exec(c, "date", "date +%s", NULL, IS_OK) || !conform_read(c, "ReadStdout", "date", &out) ||
	    !conform_exits(c, "date", 0) ||
	    !conform_call(c, "SetGuestDateTime", IS_OK, "{\"Sec\":%lld}", (long long)time(NULL)))
		return false;
	then = atoll(buf_str(&out));
	return conform_check(c, then >= now + 3600 && then < now + 3600 + 600, "the guest's clock says %lld, not %lld",
	                     then, now + 3600);
}

/* The guest has that much more swap; its container sees it. */
static bool swap_grows(struct conform *c, const char *method, const char *request)
{
	_autobuf_ struct buf before = BUF_INIT, after = BUF_INIT;
	static const char script[] = "grep SwapTotal /proc/meminfo | tr -dc 0-9";

	return conform_exec(c, "before", script, NULL, IS_OK) && conform_read(c, "ReadStdout", "before", &before) &&
	       conform_exits(c, "before", 0) && conform_call(c, method, IS_OK, "%s", request) &&
	       conform_exec(c, "after", script, NULL, IS_OK) && conform_read(c, "ReadStdout", "after", &after) &&
	       conform_exits(c, "after", 0) &&
	       conform_check(c, atoll(buf_str(&after)) > atoll(buf_str(&before)), "swap went from %s to %s kB",
	                     buf_str(&before), buf_str(&after));
}

static bool add_swap_path(struct conform *c)
{
	const char *request = arena_printf(&c->arena, "{\"path\":\"%s\"}", c->swap_path ? c->swap_path : "");

	if (!c->swap_path)
		return conform_skip(c, "no --swap-path was given");
	return request && swap_grows(c, "AddSwapPath", request);
}

static bool add_swap(struct conform *c)
{
	const char *request = arena_printf(&c->arena, "{\"PCIPath\":[%s]}", c->swap_pci ? c->swap_pci : "");

	if (!c->swap_pci)
		return conform_skip(c, "no --swap-pci was given");
	return request && swap_grows(c, "AddSwap", request);
}

/* What upstream answers when it is off, or OK. */
static bool mem_agent(struct conform *c)
{
	return c->reply.code == RPC_OK || conform_says(c, "mem-agent is disabled");
}

static bool not_there(struct conform *c)
{
	return c->reply.code == RPC_OK || c->reply.code == RPC_UNIMPLEMENTED || c->reply.text[0] != '\0';
}

/* Deny all, in no language: must not be taken for a policy. */
static bool bad_policy(struct conform *c)
{
	return conform_check(c, c->reply.code != RPC_OK, "a policy that is none was taken") &&
	       conform_call(c, "Health.Check", IS_OK, "{}");
}

static const struct conform_case machine[] = {
	/* The Go shim calls it so after each container. */
	MACHINE(WORKS, "OnlineCPUMem/shim", "{\"cpu_only\":false}", allowed),
	MACHINE(WORKS, "OnlineCPUMem/one-cpu", "{\"nb_cpus\":1,\"cpu_only\":true}", allowed),
	CALL(REFUSED, "OnlineCPUMem/too-many", CONFORM_NOTHING, "{\"nb_cpus\":100000,\"cpu_only\":true}", IS_INTERNAL,
	     NULL),
	CALL(WORKS, "MemHotplugByProbe/none", CONFORM_NOTHING, "{}", IS_OK, NULL),
	CALL(REFUSED, "MemHotplugByProbe/bad-address", CONFORM_NOTHING, "{\"memHotplugProbeAddr\":[\"1\"]}",
	     IS_INTERNAL, NULL),
	CASE(WORKS, "SetGuestDateTime/hour", CONFORM_STANDING, clock_is_set),
	CALL(REFUSED, "SetGuestDateTime/bad-microseconds", CONFORM_NOTHING, "{\"Sec\":1,\"Usec\":2000000}", IS_INTERNAL,
	     NULL),
	MACHINE(WORKS, "ReseedRandomDev/bytes", "{\"data\":\"AAECAwQFBgcICQoLDA0ODw==\"}", allowed),
	CALL(REFUSED, "ReseedRandomDev/nothing", CONFORM_NOTHING, "{}", IS_INTERNAL, NULL),
	CASE(WORKS, "AddSwapPath/life", CONFORM_STANDING, add_swap_path),
	CASE(WORKS, "AddSwap/life", CONFORM_STANDING, add_swap),
	CALL(REFUSED, "AddSwapPath/no-file", CONFORM_NOTHING, "{\"path\":\"/no/such/swap\"}", IS_INTERNAL, NULL),
	CALL(REFUSED, "AddSwapPath/no-swap", CONFORM_NOTHING, "{\"path\":\"/proc/version\"}", IS_INTERNAL, NULL),
	CALL(REFUSED, "AddSwap/no-device", CONFORM_NOTHING, "{\"PCIPath\":[31,31]}", IS_INTERNAL | IS_UNIMPLEMENTED,
	     NULL),
	CALL(REFUSED, "AddSwap/no-path", CONFORM_NOTHING, "{}", IS_INTERNAL | IS_INVALID | IS_UNIMPLEMENTED, NULL),
	{ .name = "MemAgentMemcgSet/off-or-taken",
	  WORKS,
	  .json = "{\"disabled\":true,\"swappiness_max\":10}",
	  .codes = IS_OK | IS_INTERNAL,
	  .run = mem_agent },
	{ .name = "MemAgentCompactSet/off-or-taken",
	  WORKS,
	  .json = "{\"disabled\":true,\"period_secs\":\"600\"}",
	  .codes = IS_OK | IS_INTERNAL,
	  .run = mem_agent },
	{ .name = "SetPolicy/off-or-taken", WORKS, .json = "{}", .codes = IS_ANY, .run = not_there },
	{ .name = "SetPolicy/no-policy",
	  REFUSED,
	  .json = "{\"policy\":\"this is no policy\"}",
	  .codes = IS_ANY & ~IS_OK,
	  .run = bad_policy },
};

SUITE(conform_suite_machine, machine);
