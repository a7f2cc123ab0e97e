/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/container.h"

#include <errno.h>

#include "agent/rpc/claim.h"
#include "agent/rpc/convert.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"
#include "proto/pboci.h"

/* Update, Stats, Pause and Resume say it in another code than the rest does; hosts know both. */
#define OTHER_UNKNOWN RPC_INVALID_ARGUMENT, "invalid container id"

/* The core refused, or took over and will complete. */
static void check_started(struct rpc_call *call, int r, const struct err *err)
{
	if (r < 0)
		rpc_fail_result(call, r, err);
}

static void create(struct rpc_call *call, struct passfd_streams *streams)
{
	const Grpc__CreateContainerRequest *req = RPC_REQUEST(call, Grpc__CreateContainerRequest);
	struct container_config *config;
	struct err err = ERR_INIT;
	int r;

	r = rpc_container_config(req, &config, &err);
	if (r == 0) {
		config->streams = passfd_streams_take(streams);
		r = container_create(call->server->sandbox, config, rpc_await(call), &err);
	}
	check_started(call, r, &err);
}

void rpc_create_container(struct rpc_call *call)
{
	const Grpc__CreateContainerRequest *req = RPC_REQUEST(call, Grpc__CreateContainerRequest);

	rpc_claim_streams(call, &(struct rpc_claim){ .ports = { req->stdin_port, req->stdout_port, req->stderr_port },
	                                             .cid = req->container_id,
	                                             .eid = req->exec_id,
	                                             .then = create });
}

void rpc_start_container(struct rpc_call *call)
{
	const Grpc__StartContainerRequest *req = RPC_REQUEST(call, Grpc__StartContainerRequest);
	struct container *c = rpc_find_container(call, req->container_id, RPC_INTERNAL, "Invalid container id");
	struct err err = ERR_INIT;

	if (c)
		check_started(call, container_start(c, rpc_await(call), &err), &err);
}

void rpc_remove_container(struct rpc_call *call)
{
	const Grpc__RemoveContainerRequest *req = RPC_REQUEST(call, Grpc__RemoveContainerRequest);
	struct container *c = rpc_find_container(call, req->container_id, RPC_INTERNAL, "Invalid container id");
	struct err err = ERR_INIT;

	if (c)
		check_started(call, container_remove(c, req->timeout, rpc_await(call), &err), &err);
}

void rpc_update_container(struct rpc_call *call)
{
	const Grpc__UpdateContainerRequest *req = RPC_REQUEST(call, Grpc__UpdateContainerRequest);
	struct container *c = rpc_find_container(call, req->container_id, OTHER_UNKNOWN);
	struct oci_resources *resources;
	struct err err = ERR_INIT;
	int r;

	if (!c)
		return;
	if (!req->resources) {
		rpc_reply_empty(call);
		return;
	}
	/* In the call's arena, which lives until the completion. */
	r = pboci_resources_from_pb(&call->arena, req->resources, &resources, &err);
	if (r < 0)
		err_wrap(&err, "update container '%s'", req->container_id);
	else
		r = container_update(c, resources, rpc_await(call), &err);
	check_started(call, r, &err);
}

void rpc_pause_container(struct rpc_call *call)
{
	const Grpc__PauseContainerRequest *req = RPC_REQUEST(call, Grpc__PauseContainerRequest);
	struct container *c = rpc_find_container(call, req->container_id, OTHER_UNKNOWN);
	struct err err = ERR_INIT;

	if (c)
		check_started(call, container_pause(c, rpc_await(call), &err), &err);
}

void rpc_resume_container(struct rpc_call *call)
{
	const Grpc__ResumeContainerRequest *req = RPC_REQUEST(call, Grpc__ResumeContainerRequest);
	struct container *c = rpc_find_container(call, req->container_id, OTHER_UNKNOWN);
	struct err err = ERR_INIT;

	if (c)
		check_started(call, container_resume(c, rpc_await(call), &err), &err);
}
