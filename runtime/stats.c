/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stats.h"

#include <errno.h>

#include "lib/arena.h"
#include "lib/figures.h"

static void take_cpu(const Grpc__CpuStats *cpu, struct cgroup_stats *s)
{
	if (cpu && cpu->cpu_usage) {
		s->cpu_total = cpu->cpu_usage->total_usage;
		s->cpu_kernel = cpu->cpu_usage->usage_in_kernelmode;
		s->cpu_user = cpu->cpu_usage->usage_in_usermode;
		s->per_cpu = cpu->cpu_usage->percpu_usage;
		s->n_per_cpu = cpu->cpu_usage->n_percpu_usage;
	}
	if (cpu && cpu->throttling_data) {
		s->periods = cpu->throttling_data->periods;
		s->throttled_periods = cpu->throttling_data->throttled_periods;
		s->throttled_time = cpu->throttling_data->throttled_time;
	}
}

static void take_usage(const Grpc__MemoryData *data, struct cgroup_memory_usage *u)
{
	if (data)
		*u = (struct cgroup_memory_usage){ data->usage, data->max_usage, data->failcnt, data->limit };
}

static int take_memory(struct arena *arena, const Grpc__MemoryStats *memory, struct cgroup_stats *s)
{
	if (!memory)
		return 0;
	s->cache = memory->cache;
	take_usage(memory->usage, &s->memory);
	take_usage(memory->swap_usage, &s->swap);
	take_usage(memory->kernel_usage, &s->kernel);
	s->memory_stat = arena_array(arena, memory->n_stats + 1, sizeof(*s->memory_stat));
	if (!s->memory_stat)
		return -ENOMEM;
	for (size_t i = 0; i < memory->n_stats; i++)
		s->memory_stat[i] = (struct cgroup_stat_pair){ memory->stats[i]->key, memory->stats[i]->value };
	s->n_memory_stat = memory->n_stats;
	return 0;
}

static int take_io(struct arena *arena, Grpc__BlkioStatsEntry *const *in, size_t n, struct cgroup_io_entry **ret,
                   size_t *ret_n)
{
	struct cgroup_io_entry *v = arena_array(arena, n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct cgroup_io_entry){ in[i]->major, in[i]->minor, in[i]->op, in[i]->value };
	*ret = v;
	*ret_n = n;
	return 0;
}

static int take_hugetlb(struct arena *arena, const Grpc__CgroupStats *g, struct cgroup_stats *s)
{
	s->hugetlb = arena_array(arena, g->n_hugetlb_stats + 1, sizeof(*s->hugetlb));
	if (!s->hugetlb)
		return -ENOMEM;
	for (size_t i = 0; i < g->n_hugetlb_stats; i++) {
		const Grpc__HugetlbStats *h = g->hugetlb_stats[i]->value;

		if (h)
			s->hugetlb[s->n_hugetlb++] =
				(struct cgroup_hugetlb){ g->hugetlb_stats[i]->key, h->usage, h->max_usage, h->failcnt };
	}
	return 0;
}

static int take_all(struct arena *arena, const Grpc__CgroupStats *g, struct cgroup_stats *s)
{
	const Grpc__BlkioStats *io = g->blkio_stats;
	int r = take_memory(arena, g->memory_stats, s);

	take_cpu(g->cpu_stats, s);
	if (g->pids_stats) {
		s->pids_current = g->pids_stats->current;
		s->pids_limit = g->pids_stats->limit;
	}
	if (r == 0 && io)
		r = take_io(arena, io->io_service_bytes_recursive, io->n_io_service_bytes_recursive, &s->io_bytes,
		            &s->n_io_bytes);
	if (r == 0 && io)
		r = take_io(arena, io->io_serviced_recursive, io->n_io_serviced_recursive, &s->io_ops, &s->n_io_ops);
	return r < 0 ? r : take_hugetlb(arena, g, s);
}

int stats_format(const char *id, const Grpc__StatsContainerResponse *reply, struct buf *out)
{
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_stats s = { 0 };
	int r = reply->cgroup_stats ? take_all(&arena, reply->cgroup_stats, &s) : 0;

	return r < 0 ? r : figures_format(id, &s, out);
}
