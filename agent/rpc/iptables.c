/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/iptables.h"

#include <errno.h>

#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "lib/ttrpc.h"
#include "proto/agent.pb-c.h"

/* A call while its job runs; in the call's arena. */
struct iptables_state {
	struct rpc_call *call;
	struct job job;
	bool v6;
	ProtobufCBinaryData rules; /* SetIPTables: read by the job from its copy of our memory */
};

static void iptables_cancel(struct rpc_call *call)
{
	struct iptables_state *state = call->state;

	call->server->n_iptables--;
	job_cancel(&state->job);
}

static void iptables_start(struct rpc_call *call, struct iptables_state state)
{
	struct sandbox *s = call->server->sandbox;
	struct iptables_state *kept = arena_memdup(&call->arena, &state, sizeof(state));
	struct err err = ERR_INIT;
	int r;

	if (call->server->n_iptables >= RPC_IPTABLES_MAX) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "%d calls for iptables run already", RPC_IPTABLES_MAX);
		return;
	}
	if (kept) {
		kept->call = call;
		kept->job.name = "iptables";
		kept->job.arg = kept;
	}
	r = kept ? job_start(&s->env, &kept->job, &err) : err_set(&err, ENOMEM, "run iptables");
	if (r < 0) {
		rpc_fail_err(call, RPC_INTERNAL, &err);
		return;
	}
	call->server->n_iptables++;
	call->state = kept;
	call->cancel = iptables_cancel;
}

/* --- GetIPTables ------------------------------------------------------------------------------------------------- */

/* In the child. The rules may be longer than a job's reply, so they come in a memfd. */
static int run_save(void *arg, struct job_reply *reply, struct err *err)
{
	const struct iptables_state *state = arg;
	int fd = net_iptables_save(state->v6, err), r;

	if (fd < 0)
		return fd;
	r = job_reply_add_fd(reply, fd);
	return r < 0 ? err_set(err, r, "hand over the rules") : 0;
}

static int read_rules(struct rpc_call *call, const struct job_reply *reply, ProtobufCBinaryData *ret, struct err *err)
{
	struct stat st;
	ssize_t n;
	int r = reply->n_fds == 1 ? sys_fstatat(reply->fds[0], "", &st, AT_EMPTY_PATH) : -EPROTO;

	if (r < 0)
		return err_set(err, r, "read the rules");
	if (st.st_size > TTRPC_MESSAGE_MAX)
		return err_say(err, EMSGSIZE, "the rules are longer than a reply may be");
	ret->data = arena_alloc(&call->arena, (size_t)st.st_size + 1);
	if (!ret->data)
		return err_set(err, ENOMEM, "read the rules");
	n = sys_pread(reply->fds[0], ret->data, (size_t)st.st_size, 0);
	if (n != st.st_size)
		return err_set(err, n < 0 ? (int)n : EIO, "read the rules");
	ret->len = (size_t)n;
	return 0;
}

static void saved(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct rpc_call *call = container_of(job, struct iptables_state, job)->call;
	Grpc__GetIPTablesResponse response = GRPC__GET_IPTABLES_RESPONSE__INIT;
	struct err own = ERR_INIT;

	call->server->n_iptables--;
	if (r == 0) {
		r = read_rules(call, reply, &response.data, &own);
		err = &own;
	}
	if (r < 0)
		rpc_fail_err(call, RPC_INTERNAL, err);
	else
		rpc_reply(call, &response.base);
}

void rpc_get_iptables(struct rpc_call *call)
{
	const Grpc__GetIPTablesRequest *req = RPC_REQUEST(call, Grpc__GetIPTablesRequest);

	iptables_start(call, (struct iptables_state){ .v6 = req->is_ipv6, .job = { .run = run_save, .done = saved } });
}

/* --- SetIPTables ------------------------------------------------------------------------------------------------- */

/* In the child. */
static int run_restore(void *arg, struct job_reply *reply, struct err *err)
{
	const struct iptables_state *state = arg;

	(void)reply;
	return net_iptables_restore(state->v6, state->rules.data, state->rules.len, err);
}

static void restored(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct rpc_call *call = container_of(job, struct iptables_state, job)->call;
	const Grpc__SetIPTablesResponse response = GRPC__SET_IPTABLES_RESPONSE__INIT;

	(void)reply;
	call->server->n_iptables--;
	if (r < 0)
		rpc_fail_err(call, RPC_INTERNAL, err);
	else
		rpc_reply(call, &response.base);
}

void rpc_set_iptables(struct rpc_call *call)
{
	const Grpc__SetIPTablesRequest *req = RPC_REQUEST(call, Grpc__SetIPTablesRequest);

	iptables_start(call, (struct iptables_state){ .v6 = req->is_ipv6,
	                                              .rules = req->data,
	                                              .job = { .run = run_restore, .done = restored } });
}
