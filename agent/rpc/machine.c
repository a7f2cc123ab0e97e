/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guestclock.h"

#include "agent/rpc/handlers.h"
#include "agent/rpc/jobcall.h"
#include "proto/agent.pb-c.h"

void rpc_set_guest_date_time(struct rpc_call *call)
{
	const Grpc__SetGuestDateTimeRequest *req = RPC_REQUEST(call, Grpc__SetGuestDateTimeRequest);
	struct err err = ERR_INIT;

	if (guest_set_time(req->sec, req->usec, &err) < 0)
		rpc_fail_err(call, RPC_INTERNAL, &err);
	else
		rpc_reply_empty(call);
}

static int run_reseed(void *arg, struct job_reply *reply, struct err *err)
{
	const ProtobufCBinaryData *data = arg;

	(void)reply;
	return guest_reseed(data->data, data->len, err);
}

void rpc_reseed_random_dev(struct rpc_call *call)
{
	const Grpc__ReseedRandomDevRequest *req = RPC_REQUEST(call, Grpc__ReseedRandomDevRequest);

	rpc_run_job(call, &(struct rpc_job){ .name = "reseed", .run = run_reseed, .arg = (void *)(uintptr_t)&req->data });
}
