/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"

struct container *rpc_find_container(struct rpc_call *call, const char *id, int code, const char *text)
{
	struct container *c = sandbox_find(call->server->sandbox, id);

	if (!c)
		rpc_fail(call, code, "%s", text);
	return c;
}

struct process *rpc_find_process(struct rpc_call *call, const char *container_id, const char *exec_id)
{
	struct container *c = rpc_find_container(call, container_id, RPC_INVALID_ARGUMENT, "Invalid container id");
	struct process *p;
	bool init;

	if (!c)
		return NULL;
	p = container_find_process(c, exec_id);
	if (p)
		return p;
	/* Hosts look at the code alone; the texts are upstream's. */
	init = exec_id[0] == '\0' || strcmp(exec_id, container_id) == 0;
	rpc_fail(call, RPC_NOT_FOUND, "Process not found: %s", init ? "init process missing" : "invalid exec id");
	return NULL;
}
