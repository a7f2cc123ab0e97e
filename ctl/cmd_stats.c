/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "ctl/command.h"
#include "proto/agent.pb-c.h"

static void print_row(const char *name, uint64_t value, const char *unit)
{
	(void)printf("%-24s %20" PRIu64 "%s%s\n", name, value, *unit ? " " : "", unit);
}

static void print_limit(const char *name, uint64_t value, const char *unit)
{
	/* How "no limit" looks depends on the agent and on the cgroup version. */
	if (value == 0 || value >= INT64_MAX / 4096 * 4096)
		(void)printf("%-24s %20s\n", name, "none");
	else
		print_row(name, value, unit);
}

static void print_cpu(const Grpc__CpuStats *cpu)
{
	if (cpu->cpu_usage) {
		print_row("cpu total", cpu->cpu_usage->total_usage / 1000, "us");
		print_row("cpu user", cpu->cpu_usage->usage_in_usermode / 1000, "us");
		print_row("cpu kernel", cpu->cpu_usage->usage_in_kernelmode / 1000, "us");
	}
	if (cpu->throttling_data && cpu->throttling_data->periods > 0) {
		print_row("cpu periods", cpu->throttling_data->periods, "");
		print_row("cpu throttled periods", cpu->throttling_data->throttled_periods, "");
	}
}

static void print_memory(const Grpc__MemoryStats *memory)
{
	if (memory->usage) {
		print_row("memory", memory->usage->usage, "bytes");
		print_row("memory peak", memory->usage->max_usage, "bytes");
		print_limit("memory limit", memory->usage->limit, "bytes");
	}
	print_row("memory cache", memory->cache, "bytes");
	if (memory->swap_usage)
		print_row("swap", memory->swap_usage->usage, "bytes");
}

static void print_io(const Grpc__BlkioStats *io)
{
	for (size_t i = 0; i < io->n_io_service_bytes_recursive; i++) {
		const Grpc__BlkioStatsEntry *e = io->io_service_bytes_recursive[i];
		char name[64];

		(void)snprintf(name, sizeof(name), "io %" PRIu64 ":%" PRIu64 " %.16s", e->major, e->minor, e->op);
		if (strcasecmp(e->op, "read") == 0 || strcasecmp(e->op, "write") == 0)
			print_row(name, e->value, "bytes");
	}
}

static void print_table(const Grpc__CgroupStats *stats)
{
	if (stats->cpu_stats)
		print_cpu(stats->cpu_stats);
	if (stats->memory_stats)
		print_memory(stats->memory_stats);
	if (stats->pids_stats) {
		print_row("pids", stats->pids_stats->current, "");
		print_limit("pids limit", stats->pids_stats->limit, "");
	}
	if (stats->blkio_stats)
		print_io(stats->blkio_stats);
}

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	static const struct option_spec none[] = { { .kind = OPTION_END } };
	Grpc__StatsContainerRequest request = GRPC__STATS_CONTAINER_REQUEST__INIT;
	_autoreply_ struct client_reply reply = { .text = "" };
	const Grpc__StatsContainerResponse *response;
	int status;

	if (!ctl_parse(ctl, self, none, false, &argc, argv, 1, 1, &status))
		return status;
	request.container_id = argv[0];
	status = ctl_call(ctl, "StatsContainer", &request.base, &reply);
	if (status != CTL_EXIT_OK)
		return status;
	if (ctl->json)
		return ctl_print_json(reply.message);
	response = (const Grpc__StatsContainerResponse *)reply.message;
	if (response->cgroup_stats)
		print_table(response->cgroup_stats);
	return CTL_EXIT_OK;
}

const struct ctl_command cmd_stats = {
	.name = "stats",
	.operands = "CID",
	.summary = "Show what a container uses",
	.run = run,
};
