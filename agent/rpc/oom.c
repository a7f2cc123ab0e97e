/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oom.h"

#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "proto/agent.pb-c.h"

struct oom_state {
	struct rpc_call *call;
	struct oom_waiter waiter;
	char *id; /* what was told, until it is written */
};

/* A kill that its client never heard of is told to the next one. */
static void written(struct rpc_call *call, bool whole)
{
	const struct oom_state *state = call->state;

	if (!whole)
		oom_give_back(call->server->sandbox->oom, state->id);
}

static void told(struct oom_waiter *waiter, const char *container_id)
{
	struct oom_state *state = container_of(waiter, struct oom_state, waiter);
	struct rpc_call *call = state->call;
	Grpc__OOMEvent event = GRPC__OOMEVENT__INIT;

	if (!container_id) {
		rpc_fail(call, RPC_INTERNAL, "the sandbox is destroyed");
		return;
	}
	state->id = arena_strdup(&call->arena, container_id);
	if (!state->id) {
		oom_give_back(call->server->sandbox->oom, container_id);
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for an event");
		return;
	}
	event.container_id = state->id;
	rpc_reply_tracked(call, &event.base, written);
}

static void cancel(struct rpc_call *call)
{
	struct oom_state *state = call->state;

	oom_wait_cancel(&state->waiter);
}

void rpc_get_oom_event(struct rpc_call *call)
{
	struct oom_state *state = arena_alloc(&call->arena, sizeof(*state));

	if (!state) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for a waiter");
		return;
	}
	*state = (struct oom_state){ .call = call, .waiter.told = told };
	list_init(&state->waiter.link);
	call->state = state;
	call->cancel = cancel;
	oom_wait(call->server->sandbox->oom, &state->waiter);
}
