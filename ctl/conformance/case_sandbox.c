/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox: its making, what the guest says of itself, what its containers share, and its end. */
#include <stdio.h>
#include <string.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

/* It was made before the first case. */
static bool created(struct conform *c)
{
	return c->has_sandbox || conform_skip(c, "the agent had a sandbox before");
}

/* Upstream makes another one on top; nobody relies on it, and what containers use would be pulled away. */
static bool created_twice(struct conform *c)
{
	return conform_call(c, "CreateSandbox", IS_REFUSED, "{\"sandbox_id\":\"second\"}") &&
	       conform_says(c, "exist") && conform_enter(c, CONFORM_STANDING);
}

static bool serves(struct conform *c)
{
	if (!c->has_sandbox)
		return conform_skip(c, "the agent had a sandbox before");
	return conform_create(c, &(struct conform_spec){ .script = "true" });
}

static bool details(struct conform *c)
{
	const Grpc__GuestDetailsResponse *r = (const Grpc__GuestDetailsResponse *)c->reply.message;
	bool has_virtio_fs = false, has_ephemeral = false;

	if (!conform_check(c, r->agent_details != NULL, "no agent_details") ||
	    !conform_check(c, r->agent_details->version[0] != '\0', "the agent's version is empty"))
		return false;
	for (size_t i = 0; i < r->agent_details->n_storage_handlers; i++) {
		has_virtio_fs |= strcmp(r->agent_details->storage_handlers[i], "virtio-fs") == 0;
		has_ephemeral |= strcmp(r->agent_details->storage_handlers[i], "ephemeral") == 0;
	}
	return conform_check(c, has_virtio_fs && has_ephemeral, "virtio-fs or ephemeral is no storage handler") &&
	       conform_check(c, (r->mem_block_size_bytes & (r->mem_block_size_bytes - 1)) == 0,
	                     "the memory block size %llu is no power of two",
	                     (unsigned long long)r->mem_block_size_bytes);
}

/* What is not asked for is not told. */
static bool no_details(struct conform *c)
{
	const Grpc__GuestDetailsResponse *r = (const Grpc__GuestDetailsResponse *)c->reply.message;

	return conform_check(c,
	                     r->agent_details != NULL && r->mem_block_size_bytes == 0 && !r->support_mem_hotplug_probe,
	                     "the answer has more or less than was asked for");
}

static bool host_name(struct conform *c)
{
	if (!c->has_sandbox)
		return conform_skip(c, "the agent had a sandbox before");
	return conform_script(c, &(struct conform_spec){ .script = "hostname", .top = ",\"Hostname\":\"conformance\"" },
	                      "conformance\n");
}

/* Two containers see one another's IPC and host name, and not one another's processes. */
static bool shared_namespaces(struct conform *c)
{
	const char *other = conform_name(c);
	_autobuf_ struct buf mine = BUF_INIT, theirs = BUF_INIT;
	static const char script[] = "readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts";

	if (!conform_run(c, &(struct conform_spec){ .script = script }) || !conform_read(c, "ReadStdout", "", &mine) ||
	    !conform_run(c, &(struct conform_spec){ .id = other, .script = script }))
		return false;
	(void)snprintf(c->cid, sizeof(c->cid), "%s", other);
	return conform_read(c, "ReadStdout", "", &theirs) &&
	       conform_check(c, mine.len > 0 && mine.len == theirs.len && memcmp(mine.data, theirs.data, mine.len) == 0,
	                     "IPC and UTS namespaces are '%.100s' and '%.100s'", buf_str(&mine), buf_str(&theirs));
}

/* Without sandbox_pidns each has its own. */
static bool own_pids(struct conform *c)
{
	return conform_script(c, &(struct conform_spec){ .script = "echo $$" }, "1\n") &&
	       conform_run(c, &(struct conform_spec){ .id = conform_name(c), .script = "exec cat" });
}

static const struct conform_case sandbox[] = {
	CASE(WORKS, "CreateSandbox/once", CONFORM_NOTHING, created),
	CASE(REFUSED_STRICT, "CreateSandbox/twice", CONFORM_NOTHING, created_twice),
	CASE(WORKS, "CreateSandbox/serves-containers", CONFORM_NOTHING, serves),
	CASE(WORKS, "CreateSandbox/host-name", CONFORM_NOTHING, host_name),
	CASE(WORKS, "CreateSandbox/shared-namespaces", CONFORM_NOTHING, shared_namespaces),
	CASE(WORKS, "CreateSandbox/own-pids", CONFORM_NOTHING, own_pids),
	{ .name = "GetGuestDetails/all",
	  WORKS,
	  .json = "{\"mem_block_size\":true,\"mem_hotplug_probe\":true}",
	  .codes = IS_OK,
	  .run = details },
	{ .name = "GetGuestDetails/nothing-asked", WORKS, .json = "{}", .codes = IS_OK, .run = no_details },
};

SUITE(conform_suite_sandbox, sandbox);

/* --- the end ----------------------------------------------------------------------------------------------------- */

/* With all kinds of containers there. The answer comes before the agent goes; who waits for a kill is told. */
static bool destroy(struct conform *c)
{
	const char *paused = conform_name(c), *created_id = conform_name(c);
	struct conform_pending *oom;

	if (c->keep)
		return conform_skip(c, "--keep was given");
	if (!conform_create(c, &(struct conform_spec){ .id = created_id }) ||
	    !conform_run(c, &(struct conform_spec){ .id = paused }) ||
	    !conform_call(c, "PauseContainer", IS_OK, "{\"container_id\":\"%s\"}", paused) || !conform_use(c, 1))
		return false;
	oom = conform_send(c, 0, "GetOOMEvent", "{}");
	if (!oom || !conform_still_waits(c, oom, 50) || !conform_use(c, 0) ||
	    !conform_call(c, "DestroySandbox", IS_OK, "{}"))
		return false;
	c->is_gone = true;
	/* An error, or the end of the connection: either ends the host's loop. */
	(void)conform_use(c, 1);
	return conform_ends(c, oom) && conform_check(c, oom->reply.code != RPC_OK, "GetOOMEvent: told of a kill");
}

static const struct conform_case end[] = {
	CASE(WORKS, "DestroySandbox/with-containers", CONFORM_RUNNING, destroy),
};

SUITE(conform_suite_end, end);
