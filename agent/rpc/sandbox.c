/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/rpc/convert.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"
#include "lib/fd.h"
#include "lib/kstr.h"
#include "lib/sys.h"

#define MEMORY_BLOCK_SIZE "/sys/devices/system/memory/block_size_bytes"
#define MEMORY_PROBE      "/sys/devices/system/memory/probe"
#define NUMBER_FILE_MAX   64

void rpc_create_sandbox(struct rpc_call *call)
{
	const Grpc__CreateSandboxRequest *req = RPC_REQUEST(call, Grpc__CreateSandboxRequest);
	struct sandbox_config *config;
	struct err err = ERR_INIT;
	int r;

	r = rpc_sandbox_config(req, &config, &err);
	if (r == 0)
		r = sandbox_create(call->server->sandbox, config, rpc_await(call), &err);
	if (r < 0)
		rpc_fail_result(call, r, &err);
}

/* Whoever ends the machine then waits for rpc_server_is_flushed. */
void rpc_destroy_sandbox(struct rpc_call *call)
{
	struct err err = ERR_INIT;

	if (sandbox_destroy(call->server->sandbox, rpc_await(call), &err) < 0)
		rpc_fail_err(call, RPC_INTERNAL, &err);
}

/* *ret stays 0 on a machine without memory hotplug. */
static int read_block_size(uint64_t *ret, struct err *err)
{
	_autofree_ char *text = NULL;
	char *end;
	size_t len;
	int r;

	r = fd_read_file_at(AT_FDCWD, MEMORY_BLOCK_SIZE, NUMBER_FILE_MAX, &text, &len);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(err, -r, "read '%s'", MEMORY_BLOCK_SIZE);
	errno = 0;
	*ret = strtoull(text, &end, 16);
	if (errno || end == text)
		return err_set(err, EINVAL, "read '%s'", MEMORY_BLOCK_SIZE);
	return 0;
}

/* protobuf-c's lists are not const, though packing only reads them. */
static int fill_agent_details(struct arena *arena, const struct sandbox *s, Grpc__AgentDetails *details)
{
	uint32_t port = s->options ? s->options->stream_vport : 0;
	char streams[32];
	const char *features[] = { "agent-policy", "seccomp", NULL };
	const char *const *names = storage_driver_names();
	size_t n = 0;

	(void)snprintf(streams, sizeof(streams), KSTR_FEATURE_PREFIX "%u", port);
	features[2] = arena_strdup(arena, streams);
	while (names[n])
		n++;
	details->storage_handlers = arena_memdup(arena, names, n * sizeof(*names));
	details->n_storage_handlers = n;
	details->extra_features = arena_memdup(arena, features, sizeof(features));
	details->n_extra_features = port ? 3 : 2;
	details->version = arena_strdup(arena, KATA_VERSION);
	details->init_daemon = sys_getpid() == 1;
	details->supports_seccomp = true;
	return details->storage_handlers && details->extra_features && features[2] && details->version ? 0 : -ENOMEM;
}

void rpc_get_guest_details(struct rpc_call *call)
{
	const Grpc__GuestDetailsRequest *req = RPC_REQUEST(call, Grpc__GuestDetailsRequest);
	Grpc__GuestDetailsResponse reply = GRPC__GUEST_DETAILS_RESPONSE__INIT;
	Grpc__AgentDetails details = GRPC__AGENT_DETAILS__INIT;
	struct err err = ERR_INIT;
	struct stat st;
	int r = 0;

	if (req->mem_block_size)
		r = read_block_size(&reply.mem_block_size_bytes, &err);
	if (req->mem_hotplug_probe)
		reply.support_mem_hotplug_probe = sys_fstatat(AT_FDCWD, MEMORY_PROBE, &st, 0) == 0;
	if (r == 0 && fill_agent_details(&call->arena, call->server->sandbox, &details) < 0)
		r = err_set(&err, ENOMEM, "describe the agent");
	if (r < 0) {
		rpc_fail_err(call, RPC_INTERNAL, &err);
		return;
	}
	reply.agent_details = &details;
	rpc_reply(call, &reply.base);
}
