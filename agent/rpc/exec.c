/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/rpc/claim.h"
#include "agent/rpc/convert.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"

/* The container is looked up now: it may have been removed while the streams were waited for. */
static void exec(struct rpc_call *call, struct passfd_streams *streams)
{
	const Grpc__ExecProcessRequest *req = RPC_REQUEST(call, Grpc__ExecProcessRequest);
	struct container *c;
	struct exec_config *config;
	struct err err = ERR_INIT;
	int r;

	c = rpc_find_container(call, req->container_id, RPC_INTERNAL, "Invalid container id");
	if (!c)
		return;
	r = rpc_exec_config(req, c->config->spec, &config, &err);
	if (r == 0) {
		config->streams = passfd_streams_take(streams);
		r = container_exec(c, config, rpc_await(call), &err);
	}
	if (r < 0)
		rpc_fail_result(call, r, &err);
}

void rpc_exec_process(struct rpc_call *call)
{
	const Grpc__ExecProcessRequest *req = RPC_REQUEST(call, Grpc__ExecProcessRequest);

	if (req->exec_id[0] == '\0')
		rpc_fail(call, RPC_INVALID_ARGUMENT, "exec in '%s': the exec id is empty", req->container_id);
	else
		rpc_claim_streams(call,
		                  &(struct rpc_claim){ .ports = { req->stdin_port, req->stdout_port, req->stderr_port },
		                                       .cid = req->container_id,
		                                       .eid = req->exec_id,
		                                       .is_exec = true,
		                                       .then = exec });
}
