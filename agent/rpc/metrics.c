/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/mman.h>

#include "agent/metrics/collect.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/jobcall.h"
#include "agent/rpc/server.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"

#define METRICS_DEADLINE_MS 10000

struct metrics_state {
	pid_t agent;
	uint64_t scrapes;
};

/* In the child. The text may be longer than a job's reply, so it comes in a memfd. */
static int run_collect(void *arg, struct job_reply *reply, struct err *err)
{
	const struct metrics_state *state = arg;
	_autobuf_ struct buf text = { .max = METRICS_MAX };
	_autoclose_ int fd = sys_memfd_create("metrics", MFD_CLOEXEC);
	int r = fd < 0 ? err_set(err, fd, "make memory for the figures") : 0;

	r = r < 0 ? r : metrics_collect(state->agent, state->scrapes, &text, err);
	if (r < 0)
		return r;
	r = fd_write_all(fd, text.data, text.len);
	r = r < 0 ? r : job_reply_add_fd(reply, take_fd(&fd));
	return r < 0 ? err_set(err, r, "hand over the figures") : 0;
}

static void answer(struct rpc_call *call, struct job_reply *reply)
{
	Grpc__Metrics message = GRPC__METRICS__INIT;
	struct stat st = { 0 };
	int r = reply->n_fds == 1 ? sys_fstatat(reply->fds[0], "", &st, AT_EMPTY_PATH) : -EPROTO;
	char *text = r < 0 || st.st_size > METRICS_MAX ? NULL : arena_alloc(&call->arena, (size_t)st.st_size + 1);

	if (text && sys_pread(reply->fds[0], text, (size_t)st.st_size, 0) == st.st_size) {
		message.metrics = text;
		rpc_reply(call, &message.base);
	} else {
		rpc_fail(call, RPC_INTERNAL, "cannot take over %lld bytes of figures", (long long)st.st_size);
	}
}

void rpc_get_metrics(struct rpc_call *call)
{
	struct metrics_state *state = arena_alloc(&call->arena, sizeof(*state));

	if (!state) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for a job");
		return;
	}
	*state = (struct metrics_state){ sys_getpid(), ++call->server->n_scrapes };
	rpc_run_job(call, &(struct rpc_job){ .name = "metrics",
	                                     .run = run_collect,
	                                     .arg = state,
	                                     .deadline_ms = METRICS_DEADLINE_MS,
	                                     .only_looks = true,
	                                     .answer = answer });
}
