/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/copyfile.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/jobcall.h"
#include "agent/sandbox.h"
#include "proto/agent.pb-c.h"

static int run_copy(void *arg, struct job_reply *reply, struct err *err)
{
	(void)reply;
	return copyfile_apply(SANDBOX_SHARE_DIR, arg, err);
}

void rpc_copy_file(struct rpc_call *call)
{
	const Grpc__CopyFileRequest *req = RPC_REQUEST(call, Grpc__CopyFileRequest);
	struct copyfile *file = arena_alloc(&call->arena, sizeof(*file));

	if (!file) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for a job");
		return;
	}
	*file = (struct copyfile){
		.path = req->path,
		.mode = req->file_mode,
		.dir_mode = req->dir_mode,
		.size = req->file_size,
		.offset = req->offset,
		.uid = (uid_t)req->uid,
		.gid = (gid_t)req->gid,
		.data = req->data.data,
		.len = req->data.len,
	};
	rpc_run_job(call, &(struct rpc_job){ .name = "copy", .run = run_copy, .arg = file });
}
