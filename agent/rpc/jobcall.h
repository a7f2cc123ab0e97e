/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that a job answers: the handler says what the child does and how its report becomes the answer. The request
 * stays where it is, in the call's arena, of which the child has a copy.
 */
#pragma once

#include "agent/rpc/call.h"
#include "lib/job.h"

struct rpc_job {
	const char *name;     /* of the job, for messages; a literal */
	job_function run;     /* in the child */
	void *arg;            /* for run; in the call's arena, or living longer */
	unsigned deadline_ms; /* 0 = JOB_DEADLINE_MS */
	bool only_looks;      /* changes nothing, so it ends with its client */
	/* In the agent, after run has succeeded: answers the call. NULL = the reply's data is the packed answer. */
	void (*answer)(struct rpc_call *call, struct job_reply *reply);
};

/* Starts the job; the call is answered by it, or failed: INTERNAL, or RESOURCE_EXHAUSTED above RPC_JOBS_MAX. */
void rpc_run_job(struct rpc_call *call, const struct rpc_job *what);
