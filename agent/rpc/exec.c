/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/rpc/convert.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"

void rpc_exec_process(struct rpc_call *call)
{
	const Grpc__ExecProcessRequest *req = RPC_REQUEST(call, Grpc__ExecProcessRequest);
	struct exec_config *config;
	struct err err = ERR_INIT;
	struct container *c;
	int r;

	if (req->exec_id[0] == '\0') {
		rpc_fail(call, RPC_INVALID_ARGUMENT, "exec in '%s': the exec id is empty", req->container_id);
		return;
	}
	c = rpc_find_container(call, req->container_id, RPC_INTERNAL, "Invalid container id");
	if (!c)
		return;
	r = rpc_exec_config(req, c->config->spec, &config, &err);
	if (r == 0)
		r = container_exec(c, config, rpc_await(call), &err);
	if (r < 0)
		rpc_fail_err(call, r == -EOPNOTSUPP ? RPC_UNIMPLEMENTED : RPC_INTERNAL, &err);
}
