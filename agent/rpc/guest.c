/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/guestinfo.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "lib/job.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"

#define GUEST_DEADLINE_MS 10000

struct guest_state {
	struct rpc_call *call;
	struct job job;
	pid_t agent;
	const char *cgroup_root;
};

/* Runs in the job. */
static int guest_run(void *arg, struct job_reply *reply, struct err *err)
{
	const struct guest_state *state = arg;

	return guestinfo_write(state->agent, state->cgroup_root, &reply->data, err);
}

static void guest_done(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct rpc_call *call = container_of(job, struct guest_state, job)->call;
	Grpc__GetDiagnosticDataResponse message = GRPC__GET_DIAGNOSTIC_DATA_RESPONSE__INIT;

	if (r < 0) {
		rpc_fail_err(call, RPC_INTERNAL, err);
		return;
	}
	message.data = (char *)(uintptr_t)buf_str(&reply->data);
	rpc_reply(call, &message.base);
}

static void guest_cancel(struct rpc_call *call)
{
	struct guest_state *state = call->state;

	job_cancel(&state->job);
}

void rpc_reply_guest(struct rpc_call *call)
{
	struct sandbox *s = call->server->sandbox;
	struct guest_state *state = arena_alloc(&call->arena, sizeof(*state));
	struct err err = ERR_INIT;

	if (!state) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for the guest's figures");
		return;
	}
	*state = (struct guest_state){
		.call = call,
		.job = { .name = "guest figures",
		         .run = guest_run,
		         .arg = state,
		         .done = guest_done,
		         .deadline_ms = GUEST_DEADLINE_MS },
		.agent = sys_getpid(),
		.cgroup_root = s->cgroup_root,
	};
	if (job_start(&s->env, &state->job, &err) < 0) {
		rpc_fail_err(call, RPC_INTERNAL, &err);
		return;
	}
	call->state = state;
	call->cancel = guest_cancel;
}
