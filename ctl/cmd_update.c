/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command.h"
#include "ctl/spec.h"
#include "proto/agent.pb-c.h"

#define CPU_PERIOD 100000

struct update_options {
	struct option_number memory, reservation, swap, shares, pids;
	const char *cpus, *cpuset_cpus, *cpuset_mems;
};

struct update_request {
	Grpc__UpdateContainerRequest request;
	Grpc__LinuxResources resources;
	Grpc__LinuxMemory memory;
	Grpc__LinuxCPU cpu;
	Grpc__LinuxPids pids;
};

static int fill(const struct update_options *o, struct update_request *u)
{
	struct err err = ERR_INIT;

	if (o->cpus && spec_parse_cpus(o->cpus, &u->cpu.quota, &err) < 0)
		return ctl_usage_error("update: %s", err_text(&err));
	u->cpu.period = o->cpus ? CPU_PERIOD : 0;
	u->cpu.shares = (uint64_t)(o->shares.value > 0 ? o->shares.value : 0);
	u->cpu.cpus = (char *)(o->cpuset_cpus ? o->cpuset_cpus : "");
	u->cpu.mems = (char *)(o->cpuset_mems ? o->cpuset_mems : "");
	u->memory.limit = o->memory.value;
	u->memory.reservation = o->reservation.value;
	u->memory.swap = o->swap.value;
	u->pids.limit = o->pids.value;
	u->request.resources = &u->resources;
	/* What is absent stays as it is. */
	if (o->memory.is_set || o->reservation.is_set || o->swap.is_set)
		u->resources.memory = &u->memory;
	if (o->cpus || o->shares.is_set || o->cpuset_cpus || o->cpuset_mems)
		u->resources.cpu = &u->cpu;
	if (o->pids.is_set)
		u->resources.pids = &u->pids;
	if (!u->resources.memory && !u->resources.cpu && !u->resources.pids)
		return ctl_usage_error("update: nothing to change");
	return CTL_EXIT_OK;
}

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	struct update_options o = { .cpus = NULL };
	struct update_request u = {
		.request = GRPC__UPDATE_CONTAINER_REQUEST__INIT,
		.resources = GRPC__LINUX_RESOURCES__INIT,
		.memory = GRPC__LINUX_MEMORY__INIT,
		.cpu = GRPC__LINUX_CPU__INIT,
		.pids = GRPC__LINUX_PIDS__INIT,
	};
	const struct option_spec table[] = {
		{ OPTION_BYTES, 'm', "memory", "BYTES", &o.memory, "limit, -1 = none" },
		{ OPTION_BYTES, 0, "memory-reservation", "BYTES", &o.reservation, "soft limit" },
		{ OPTION_BYTES, 0, "memory-swap", "BYTES", &o.swap, "limit for memory and swap together, -1 = none" },
		{ OPTION_NUMBER, 0, "cpu-shares", "N", &o.shares, "weight, 1024 is normal" },
		{ OPTION_TEXT, 0, "cpus", "N", &o.cpus, "limit, as 1.5; -1 = none" },
		{ OPTION_TEXT, 0, "cpuset-cpus", "LIST", &o.cpuset_cpus, "as 0-2,4" },
		{ OPTION_TEXT, 0, "cpuset-mems", "LIST", &o.cpuset_mems, "as 0" },
		{ OPTION_NUMBER, 0, "pids", "N", &o.pids, "limit, -1 = none" },
		{ .kind = OPTION_END },
	};
	int status;

	if (!ctl_parse(ctl, self, table, false, &argc, argv, 1, 1, &status))
		return status;
	status = fill(&o, &u);
	if (status != CTL_EXIT_OK)
		return status;
	u.request.container_id = argv[0];
	return ctl_call_empty(ctl, "UpdateContainer", &u.request.base);
}

const struct ctl_command cmd_update = {
	.name = "update",
	.operands = "CID",
	.summary = "Change the limits of a container",
	.run = run,
};
