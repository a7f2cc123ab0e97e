/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/stats.h"

#include <errno.h>
#include <string.h>

#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "lib/job.h"
#include "proto/pbmem.h"

#define STATS_DEADLINE_MS 10000

/* An initialised message in the arena. */
#define NEW(arena, type, prefix) ((type *)pb_new(&prefix##__descriptor, arena))

/* --- the message ------------------------------------------------------------------------------------------------- */

static Grpc__CpuStats *cpu_message(struct arena *arena, const struct cgroup_stats *s)
{
	Grpc__CpuStats *cpu = NEW(arena, Grpc__CpuStats, grpc__cpu_stats);
	Grpc__CpuUsage *usage = NEW(arena, Grpc__CpuUsage, grpc__cpu_usage);
	Grpc__ThrottlingData *throttling = NEW(arena, Grpc__ThrottlingData, grpc__throttling_data);

	if (!cpu || !usage || !throttling)
		return NULL;
	usage->total_usage = s->cpu_total;
	usage->usage_in_usermode = s->cpu_user;
	usage->usage_in_kernelmode = s->cpu_kernel;
	usage->percpu_usage = s->per_cpu;
	usage->n_percpu_usage = s->n_per_cpu;
	throttling->periods = s->periods;
	throttling->throttled_periods = s->throttled_periods;
	throttling->throttled_time = s->throttled_time;
	cpu->cpu_usage = usage;
	cpu->throttling_data = throttling;
	return cpu;
}

static Grpc__MemoryData *usage_message(struct arena *arena, const struct cgroup_memory_usage *u)
{
	Grpc__MemoryData *m = NEW(arena, Grpc__MemoryData, grpc__memory_data);

	if (!m)
		return NULL;
	m->usage = u->usage;
	m->max_usage = u->max_usage;
	m->failcnt = u->failcnt;
	m->limit = u->limit;
	return m;
}

static int fill_memory_map(struct arena *arena, const struct cgroup_stats *s, Grpc__MemoryStats *memory)
{
	static char oom_kill[] =
		"oom_kill"; /* as the kernel has it in memory.events; the protocol has no field for it */
	size_t n = s->n_memory_stat > 0 ? s->n_memory_stat + 1 : 0;
	Grpc__MemoryStats__StatsEntry **entries = arena_array(arena, n, sizeof(Grpc__MemoryStats__StatsEntry *));

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		bool is_last = i == s->n_memory_stat;

		entries[i] = NEW(arena, Grpc__MemoryStats__StatsEntry, grpc__memory_stats__stats_entry);
		if (!entries[i])
			return -ENOMEM;
		entries[i]->key = is_last ? oom_kill : s->memory_stat[i].key;
		entries[i]->value = is_last ? s->oom_kills : s->memory_stat[i].value;
	}
	memory->stats = entries;
	memory->n_stats = n;
	return 0;
}

static Grpc__MemoryStats *memory_message(struct arena *arena, const struct cgroup_stats *s)
{
	Grpc__MemoryStats *m = NEW(arena, Grpc__MemoryStats, grpc__memory_stats);

	if (!m || fill_memory_map(arena, s, m) < 0)
		return NULL;
	m->cache = s->cache;
	m->usage = usage_message(arena, &s->memory);
	m->swap_usage = usage_message(arena, &s->swap);
	m->kernel_usage = usage_message(arena, &s->kernel);
	m->use_hierarchy = true;
	return m->usage && m->swap_usage && m->kernel_usage ? m : NULL;
}

static Grpc__PidsStats *pids_message(struct arena *arena, const struct cgroup_stats *s)
{
	Grpc__PidsStats *m = NEW(arena, Grpc__PidsStats, grpc__pids_stats);

	if (!m)
		return NULL;
	m->current = s->pids_current;
	m->limit = s->pids_limit;
	return m;
}

static Grpc__BlkioStatsEntry **io_entries(struct arena *arena, const struct cgroup_io_entry *from, size_t n)
{
	Grpc__BlkioStatsEntry **entries = arena_array(arena, n, sizeof(Grpc__BlkioStatsEntry *));

	for (size_t i = 0; entries && i < n; i++) {
		entries[i] = NEW(arena, Grpc__BlkioStatsEntry, grpc__blkio_stats_entry);
		if (!entries[i])
			return NULL;
		entries[i]->major = from[i].major;
		entries[i]->minor = from[i].minor;
		/* Packing only reads. */
		entries[i]->op = (char *)(uintptr_t)from[i].op;
		entries[i]->value = from[i].value;
	}
	return entries;
}

static Grpc__BlkioStats *io_message(struct arena *arena, const struct cgroup_stats *s)
{
	Grpc__BlkioStats *m = NEW(arena, Grpc__BlkioStats, grpc__blkio_stats);

	if (!m)
		return NULL;
	m->io_service_bytes_recursive = io_entries(arena, s->io_bytes, s->n_io_bytes);
	m->n_io_service_bytes_recursive = s->n_io_bytes;
	m->io_serviced_recursive = io_entries(arena, s->io_ops, s->n_io_ops);
	m->n_io_serviced_recursive = s->n_io_ops;
	return m->io_service_bytes_recursive && m->io_serviced_recursive ? m : NULL;
}

static int fill_hugetlb(struct arena *arena, const struct cgroup_stats *s, Grpc__CgroupStats *ret)
{
	Grpc__CgroupStats__HugetlbStatsEntry **entries = arena_array(arena, s->n_hugetlb, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_hugetlb; i++) {
		Grpc__HugetlbStats *value = NEW(arena, Grpc__HugetlbStats, grpc__hugetlb_stats);

		entries[i] = NEW(arena, Grpc__CgroupStats__HugetlbStatsEntry, grpc__cgroup_stats__hugetlb_stats_entry);
		if (!entries[i] || !value)
			return -ENOMEM;
		value->usage = s->hugetlb[i].usage;
		value->max_usage = s->hugetlb[i].max_usage;
		value->failcnt = s->hugetlb[i].failcnt;
		entries[i]->key = s->hugetlb[i].page_size;
		entries[i]->value = value;
	}
	ret->hugetlb_stats = entries;
	ret->n_hugetlb_stats = s->n_hugetlb;
	return 0;
}

Grpc__StatsContainerResponse *rpc_stats_message(struct arena *arena, const struct cgroup_stats *stats)
{
	Grpc__StatsContainerResponse *reply = NEW(arena, Grpc__StatsContainerResponse, grpc__stats_container_response);
	Grpc__CgroupStats *m = NEW(arena, Grpc__CgroupStats, grpc__cgroup_stats);

	if (!reply || !m || fill_hugetlb(arena, stats, m) < 0)
		return NULL;
	m->cpu_stats = cpu_message(arena, stats);
	m->memory_stats = memory_message(arena, stats);
	m->pids_stats = pids_message(arena, stats);
	m->blkio_stats = io_message(arena, stats);
	reply->cgroup_stats = m;
	return m->cpu_stats && m->memory_stats && m->pids_stats && m->blkio_stats ? reply : NULL;
}

/* --- the job ----------------------------------------------------------------------------------------------------- */

struct stats_state {
	struct rpc_call *call;
	struct job job;
	const struct cgroup_host *host;
	const char *path; /* read by the job from its copy of our memory */
};

/* In the child: reading the files of a dying cgroup may block. The parent only forwards the bytes. */
static int stats_run(void *arg, struct job_reply *reply, struct err *err)
{
	const struct stats_state *state = arg;
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_stats stats = { 0 };
	Grpc__StatsContainerResponse *message;
	size_t len;
	int r;

	arena_init(&arena, 0);
	r = cgroup_stats_read(state->host, state->path, &arena, &stats, err);
	if (r < 0)
		return r;
	message = rpc_stats_message(&arena, &stats);
	len = message ? grpc__stats_container_response__get_packed_size(message) : 0;
	r = message ? buf_reserve(&reply->data, len) : -ENOMEM;
	if (r < 0)
		return err_set(err, -r, "pack the figures of '%s'", state->path);
	(void)grpc__stats_container_response__pack(message, reply->data.data + reply->data.len);
	buf_commit(&reply->data, len);
	return 0;
}

static void stats_done(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct rpc_call *call = container_of(job, struct stats_state, job)->call;

	call->server->n_stats--;
	if (r < 0)
		rpc_fail_err(call, RPC_INTERNAL, err);
	else
		rpc_reply_bytes(call, reply->data.data, reply->data.len);
}

static void stats_cancel(struct rpc_call *call)
{
	struct stats_state *state = call->state;

	call->server->n_stats--;
	job_cancel(&state->job);
}

static int stats_start(struct rpc_call *call, const struct container *c, struct err *err)
{
	struct sandbox *s = call->server->sandbox;
	struct stats_state *state = arena_alloc(&call->arena, sizeof(*state));
	int r;

	if (!c->cgroup_path)
		return err_say(err, ENOENT, "container '%s' has no cgroup yet", c->id);
	if (!state)
		return err_set(err, ENOMEM, "read the figures of '%s'", c->id);
	*state = (struct stats_state){
		.call = call,
		.job = { .name = "stats",
		         .run = stats_run,
		         .arg = state,
		         .done = stats_done,
		         .deadline_ms = STATS_DEADLINE_MS },
		.host = &s->cgroup_host,
		.path = c->cgroup_path,
	};
	r = job_start(&s->env, &state->job, err);
	if (r < 0)
		return r;
	call->server->n_stats++;
	call->state = state;
	call->cancel = stats_cancel;
	return 0;
}

void rpc_stats_container(struct rpc_call *call)
{
	const Grpc__StatsContainerRequest *req = RPC_REQUEST(call, Grpc__StatsContainerRequest);
	struct container *c = rpc_find_container(call, req->container_id, RPC_INVALID_ARGUMENT, "invalid container id");
	struct err err = ERR_INIT;

	if (!c)
		return;
	if (call->server->n_stats >= RPC_STATS_MAX)
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "%d StatsContainer calls run already", RPC_STATS_MAX);
	else if (stats_start(call, c, &err) < 0)
		rpc_fail_err(call, RPC_INTERNAL, &err);
}
