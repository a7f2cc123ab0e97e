/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passfd streams that a call names (agent/passfd.h): the call is parked until their connections are there, and goes
 * on with them. Owns nothing.
 */
#pragma once

#include "agent/passfd.h"
#include "agent/rpc/call.h"

struct rpc_claim {
	uint32_t ports[KSTR_KIND_MAX]; /* 0 = none */
	const char *cid, *eid;         /* as the request has them, for the policy and for errors */
	bool is_exec;
	/* Goes on, at once or from a later turn, and takes the streams over by moving them away; none is fine. */
	void (*then)(struct rpc_call *call, struct passfd_streams *streams);
};

/* Takes what is named, which is nothing mostly, then calls `then`; or fails the call. */
void rpc_claim_streams(struct rpc_call *call, const struct rpc_claim *what);
