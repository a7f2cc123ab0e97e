/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/processlist.h"

#include <errno.h>
#include <fcntl.h>

#include "agent/rpc/handlers.h"
#include "agent/rpc/jobcall.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"

#define LIST_DEADLINE_MS 10000

struct list_question {
	const struct cgroup_host *host;
	const char *path;
};

static int list_run(void *arg, struct job_reply *reply, struct err *err)
{
	const struct list_question *question = arg;
	_autoclose_ int proc = sys_openat(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (proc < 0)
		return err_set(err, -proc, "open '/proc'");
	return processlist_write(question->host, question->path, proc, &reply->data, err);
}

static void list_answer(struct rpc_call *call, struct job_reply *reply)
{
	Grpc__GetDiagnosticDataResponse message = GRPC__GET_DIAGNOSTIC_DATA_RESPONSE__INIT;

	message.data = (char *)(uintptr_t)buf_str(&reply->data);
	rpc_reply(call, &message.base);
}

void rpc_reply_processes(struct rpc_call *call, const struct container *c)
{
	struct list_question *question = arena_alloc(&call->arena, sizeof(*question));

	if (!c->cgroup_path) {
		rpc_fail(call, RPC_INTERNAL, "container '%s' has no cgroup", c->id);
		return;
	}
	if (!question) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for the list of processes");
		return;
	}
	question->host = &call->server->sandbox->cgroup_host;
	question->path = c->cgroup_path;
	rpc_run_job(call, &(struct rpc_job){
				  .name = "list of processes",
				  .run = list_run,
				  .arg = question,
				  .deadline_ms = LIST_DEADLINE_MS,
				  .only_looks = true,
				  .answer = list_answer,
			  });
}
