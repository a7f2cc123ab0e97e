/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/jobcall.h"

#include "agent/rpc/server.h"
#include "agent/sandbox.h"

struct jobcall {
	struct rpc_call *call;
	struct job job;
	struct rpc_job what;
};

static void done(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct jobcall *j = container_of(job, struct jobcall, job);
	struct rpc_call *call = j->call;

	call->server->n_jobs--;
	if (r < 0)
		rpc_fail_err(call, RPC_INTERNAL, err);
	else if (j->what.answer)
		j->what.answer(call, reply);
	else
		rpc_reply_bytes(call, reply->data.data, reply->data.len);
}

static void cancel(struct rpc_call *call)
{
	struct jobcall *j = call->state;

	call->server->n_jobs--;
	job_cancel(&j->job);
}

void rpc_run_job(struct rpc_call *call, const struct rpc_job *what)
{
	struct jobcall *j = arena_alloc(&call->arena, sizeof(*j));
	struct err err = ERR_INIT;

	if (!j || call->server->n_jobs >= RPC_JOBS_MAX) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "job '%s': %s", what->name,
		         j ? "too many calls run a job already" : "out of memory");
		return;
	}
	*j = (struct jobcall){
		.call = call,
		.what = *what,
		.job = { .name = what->name,
		         .run = what->run,
		         .arg = what->arg,
		         .done = done,
		         .deadline_ms = what->deadline_ms },
	};
	if (job_start(&call->server->sandbox->env, &j->job, &err) < 0) {
		rpc_fail_err(call, RPC_INTERNAL, &err);
		return;
	}
	call->server->n_jobs++;
	call->state = j;
	call->cancel = cancel;
	call->outlives_client = !what->only_looks;
}
