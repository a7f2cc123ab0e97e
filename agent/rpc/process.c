/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/process.h"

#include <errno.h>
#include <signal.h>

#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "proto/agent.pb-c.h"

#define SIGNAL_MAX   64
#define TERMINAL_MAX 65535 /* rows and columns: struct winsize has 16 bits */

static int kill_all(struct rpc_call *call, const char *container_id, struct err *err)
{
	struct container *c = sandbox_find(call->server->sandbox, container_id);

	if (!c)
		return err_say(err, EINVAL, "Invalid container id %s", container_id);
	return container_kill_all(c, err);
}

void rpc_signal_process(struct rpc_call *call)
{
	const Grpc__SignalProcessRequest *req = RPC_REQUEST(call, Grpc__SignalProcessRequest);
	struct err err = ERR_INIT;
	struct process *p;
	int r;

	if (req->signal > SIGNAL_MAX) {
		rpc_fail(call, RPC_INVALID_ARGUMENT, "signal %u does not exist", req->signal);
		return;
	}
	if (req->exec_id[0] == '\0' && req->signal == SIGKILL) {
		r = kill_all(call, req->container_id, &err);
	} else {
		p = rpc_find_process(call, req->container_id, req->exec_id);
		if (!p)
			return;
		r = process_signal(p, (int)req->signal, &err);
	}
	if (r < 0)
		rpc_fail_err(call, RPC_INTERNAL, &err);
	else
		rpc_reply_empty(call);
}

struct wait_state {
	struct rpc_call *call;
	struct process_waiter waiter;
};

static void wait_done(struct process_waiter *waiter, int code)
{
	Grpc__WaitProcessResponse reply = GRPC__WAIT_PROCESS_RESPONSE__INIT;

	reply.status = code;
	rpc_reply(container_of(waiter, struct wait_state, waiter)->call, &reply.base);
}

static void wait_cancel(struct rpc_call *call)
{
	struct wait_state *state = call->state;

	process_wait_cancel(&state->waiter);
}

void rpc_wait_process(struct rpc_call *call)
{
	const Grpc__WaitProcessRequest *req = RPC_REQUEST(call, Grpc__WaitProcessRequest);
	struct process *p = rpc_find_process(call, req->container_id, req->exec_id);
	struct wait_state *state;

	if (!p)
		return;
	state = arena_alloc(&call->arena, sizeof(*state));
	if (!state) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for a waiter");
		return;
	}
	*state = (struct wait_state){ .call = call, .waiter.done = wait_done };
	list_init(&state->waiter.link);
	call->state = state;
	call->cancel = wait_cancel;
	process_wait(p, &state->waiter);
}

void rpc_tty_win_resize(struct rpc_call *call)
{
	const Grpc__TtyWinResizeRequest *req = RPC_REQUEST(call, Grpc__TtyWinResizeRequest);
	struct process *p = rpc_find_process(call, req->container_id, req->exec_id);
	struct err err = ERR_INIT;
	int r;

	if (!p)
		return;
	if (req->row > TERMINAL_MAX || req->column > TERMINAL_MAX) {
		rpc_fail(call, RPC_INVALID_ARGUMENT, "a terminal cannot have %u rows and %u columns", req->row,
		         req->column);
		return;
	}
	r = process_resize(p, req->row, req->column, &err);
	if (r == -ENOTTY)
		rpc_fail(call, RPC_UNAVAILABLE, "no tty");
	else if (r < 0)
		rpc_fail_err(call, RPC_INTERNAL, &err);
	else
		rpc_reply_empty(call);
}
