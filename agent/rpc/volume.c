/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/volume.h"

#include <errno.h>

#include "agent/rpc/convert.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/jobcall.h"
#include "agent/sandbox.h"

#define LOOK_DEADLINE_MS 10000

/* --- RemoveStaleVirtiofsShareMounts ------------------------------------------------------------------------------- */

static int run_touch(void *arg, struct job_reply *reply, struct err *err)
{
	int r = volume_touch_below(NULL, SANDBOX_SHARE_DIR, err);

	(void)arg;
	(void)reply;
	return r < 0 ? r : 0;
}

void rpc_remove_stale_virtiofs_share_mounts(struct rpc_call *call)
{
	rpc_run_job(call, &(struct rpc_job){ .name = "stale mounts", .run = run_touch });
}

/* --- UpdateEphemeralMounts ---------------------------------------------------------------------------------------- */

static int run_steps(void *arg, struct job_reply *reply, struct err *err)
{
	(void)reply;
	return storage_apply(arg, NULL, err);
}

void rpc_update_ephemeral_mounts(struct rpc_call *call)
{
	const Grpc__UpdateEphemeralMountsRequest *req = RPC_REQUEST(call, Grpc__UpdateEphemeralMountsRequest);
	struct step_list *plan = arena_alloc(&call->arena, sizeof(*plan));
	struct storage_config *configs;
	struct err err = ERR_INIT;
	size_t n;

	if (!plan || rpc_storage_configs(&call->arena, req->n_storages, req->storages, &configs, &n) < 0)
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for the storages");
	else if (storage_plan_update(&call->arena, configs, n, plan, &err) < 0)
		rpc_fail_err(call, RPC_INTERNAL, &err);
	else if (plan->n == 0)
		rpc_reply_empty(call);
	else
		rpc_run_job(call, &(struct rpc_job){ .name = "update mounts", .run = run_steps, .arg = plan });
}

/* --- GetVolumeStats ----------------------------------------------------------------------------------------------- */

static Grpc__VolumeUsage usage_message(const struct volume_figures *f, Grpc__VolumeUsage__Unit unit)
{
	Grpc__VolumeUsage m = GRPC__VOLUME_USAGE__INIT;

	m.available = f->available;
	m.total = f->total;
	m.used = f->used;
	m.unit = unit;
	return m;
}

static int run_usage(void *arg, struct job_reply *reply, struct err *err)
{
	Grpc__VolumeStatsResponse message = GRPC__VOLUME_STATS_RESPONSE__INIT;
	Grpc__VolumeCondition condition = GRPC__VOLUME_CONDITION__INIT;
	Grpc__VolumeUsage bytes, inodes, *usage[] = { &bytes, &inodes };
	struct volume_usage u;
	size_t len;
	int r = volume_usage(arg, &u, err);

	if (r < 0)
		return r;
	bytes = usage_message(&u.bytes, GRPC__VOLUME_USAGE__UNIT__BYTES);
	inodes = usage_message(&u.inodes, GRPC__VOLUME_USAGE__UNIT__INODES);
	message.usage = usage;
	message.n_usage = ARRAY_SIZE(usage);
	message.volume_condition = &condition;
	len = grpc__volume_stats_response__get_packed_size(&message);
	r = buf_reserve(&reply->data, len);
	if (r < 0)
		return err_set(err, r, "volume '%s'", (const char *)arg);
	buf_commit(&reply->data, grpc__volume_stats_response__pack(&message, reply->data.data + reply->data.len));
	return 0;
}

void rpc_get_volume_stats(struct rpc_call *call)
{
	const Grpc__VolumeStatsRequest *req = RPC_REQUEST(call, Grpc__VolumeStatsRequest);

	rpc_run_job(call, &(struct rpc_job){ .name = "volume",
	                                     .run = run_usage,
	                                     .arg = req->volume_guest_path,
	                                     .deadline_ms = LOOK_DEADLINE_MS,
	                                     .only_looks = true });
}
