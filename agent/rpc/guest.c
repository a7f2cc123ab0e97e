/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guestinfo.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/jobcall.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"

#define GUEST_DEADLINE_MS 10000

struct guest_question {
	pid_t agent;
	const char *cgroup_root;
};

static int guest_run(void *arg, struct job_reply *reply, struct err *err)
{
	const struct guest_question *question = arg;

	return guestinfo_write(question->agent, question->cgroup_root, &reply->data, err);
}

static void guest_answer(struct rpc_call *call, struct job_reply *reply)
{
	Grpc__GetDiagnosticDataResponse message = GRPC__GET_DIAGNOSTIC_DATA_RESPONSE__INIT;

	message.data = (char *)(uintptr_t)buf_str(&reply->data);
	rpc_reply(call, &message.base);
}

void rpc_reply_guest(struct rpc_call *call)
{
	struct guest_question *question = arena_alloc(&call->arena, sizeof(*question));

	if (!question) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for the guest's figures");
		return;
	}
	question->agent = sys_getpid();
	question->cgroup_root = call->server->sandbox->cgroup_root;
	rpc_run_job(call, &(struct rpc_job){
				  .name = "guest figures",
				  .run = guest_run,
				  .arg = question,
				  .deadline_ms = GUEST_DEADLINE_MS,
				  .only_looks = true,
				  .answer = guest_answer,
			  });
}
