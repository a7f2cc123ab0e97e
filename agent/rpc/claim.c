/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/claim.h"

#include <errno.h>

#include "agent/gate.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"

struct parked {
	struct rpc_call *call;
	struct rpc_claim what;
	struct passfd_claim claim;
};

static void fail(struct rpc_call *call, const struct rpc_claim *what, int code, struct err *err)
{
	if (what->is_exec)
		(void)err_wrap(err, "exec '%s' in '%s'", what->eid, what->cid);
	else
		(void)err_wrap(err, "create container '%s'", what->cid);
	rpc_fail_err(call, code, err);
}

static void on_claimed(struct passfd_claim *claim, int r, struct passfd_streams *streams, const struct err *why)
{
	struct parked *parked = container_of(claim, struct parked, claim);
	struct rpc_call *call = parked->call;
	struct err err = ERR_INIT;

	call->cancel = NULL;
	call->state = NULL;
	if (r >= 0) {
		parked->what.then(call, streams);
		return;
	}
	(void)err_copy(&err, why);
	fail(call, &parked->what, RPC_INTERNAL, &err);
}

static void cancel(struct rpc_call *call)
{
	passfd_claim_cancel(&((struct parked *)call->state)->claim);
}

/* Who may not read or write a process's stdio by calls may not do it this way. */
static bool is_denied(struct rpc_call *call, const struct rpc_claim *what, struct err *err)
{
	struct gate *gate = call->server->sandbox->gate;

	for (enum kstr_kind kind = 0; kind < KSTR_KIND_MAX; kind++) {
		if (what->ports[kind] == 0 || !gate_denies_stream(gate, kind, what->cid, what->eid, err))
			continue;
		(void)err_wrap(err, "%s_port '%u': blocked by policy", kstr_kind_name(kind), what->ports[kind]);
		return true;
	}
	return false;
}

static void claim(struct rpc_call *call, const struct rpc_claim *what)
{
	struct parked *parked = arena_alloc(&call->arena, sizeof(*parked));
	struct passfd_streams streams = { .v = { NULL } };
	struct err err = ERR_INIT;
	int r;

	if (!parked) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	*parked = (struct parked){ .call = call, .what = *what, .claim = { .done = on_claimed } };
	for (int i = 0; i < KSTR_KIND_MAX; i++)
		parked->claim.ports[i] = what->ports[i];
	r = passfd_claim(call->server->sandbox->passfd, &parked->claim, &streams, &err);
	if (r < 0) {
		fail(call, what, RPC_INTERNAL, &err);
	} else if (r > 0) {
		what->then(call, &streams);
		passfd_streams_done(&streams);
	} else {
		call->state = parked;
		call->cancel = cancel;
	}
}

void rpc_claim_streams(struct rpc_call *call, const struct rpc_claim *what)
{
	struct passfd_streams none = { .v = { NULL } };
	struct err err = ERR_INIT;
	int kind = 0;

	while (kind < KSTR_KIND_MAX && what->ports[kind] == 0)
		kind++;
	if (kind == KSTR_KIND_MAX) {
		what->then(call, &none);
	} else if (!call->server->sandbox->passfd) {
		/* Whoever names ports reads and writes there only: without an error the output would be lost. */
		(void)err_say(&err, EOPNOTSUPP, "%s_port '%u': passfd streams are off (agent.passfd_listener_port)",
		              kstr_kind_name((enum kstr_kind)kind), what->ports[kind]);
		fail(call, what, RPC_UNIMPLEMENTED, &err);
	} else if (is_denied(call, what, &err)) {
		fail(call, what, RPC_PERMISSION_DENIED, &err);
	} else {
		claim(call, what);
	}
}
