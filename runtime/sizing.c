/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sizing.h"

#include <stdlib.h>
#include <string.h>

#define MIB       ((int64_t)1 << 20)
#define PERIOD_US 100000
/* A sum of fractions that misses a whole number by less than this is that number. */
#define EPSILON 1e-6

struct sizing_demand sizing_demand_of(const struct oci_resources *resources)
{
	struct sizing_demand demand = { 0 };

	if (resources)
		sizing_update(&demand, resources);
	return demand;
}

/* -1 is "no limit", which asks for nothing. */
static void take_figure(int64_t *figure, int64_t update)
{
	if (update != 0)
		*figure = update > 0 ? update : 0;
}

void sizing_update(struct sizing_demand *demand, const struct oci_resources *update)
{
	if (update->cpu) {
		take_figure(&demand->cpu_quota, update->cpu->quota);
		if (update->cpu->period != 0)
			demand->cpu_period = update->cpu->period;
		if (update->cpu->cpus && *update->cpu->cpus)
			demand->cpuset = update->cpu->cpus;
	}
	if (update->memory)
		take_figure(&demand->memory, update->memory->limit);
	if (update->n_hugepages > 0)
		demand->hugepages = 0;
	for (size_t i = 0; i < update->n_hugepages; i++)
		demand->hugepages += update->hugepages[i].limit;
}

void sizing_add_cpus(struct sizing_cpus *mask, const char *list)
{
	while (*list) {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (end == list)
			return;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long cpu = first; cpu <= last && cpu < SIZING_CPUS_MAX; cpu++)
			mask->bits[cpu / 8] |= (unsigned char)(1u << cpu % 8);
		list = *end == ',' ? end + 1 : end;
		if (*end && *end != ',')
			return;
	}
}

int64_t sizing_count_cpus(const struct sizing_cpus *mask)
{
	int64_t n = 0;

	for (size_t i = 0; i < sizeof(mask->bits); i++)
		n += __builtin_popcount(mask->bits[i]);
	return n;
}

/* The kernel's period where none is given. */
static uint64_t period_of(const struct sizing_demand *demand)
{
	return demand->cpu_period > 0 ? demand->cpu_period : PERIOD_US;
}

/* CPUs that the containers ask for together. */
static double sum_cpus(const struct sizing_demand *demands, size_t n)
{
	struct sizing_cpus mask = { 0 };
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (demands[i].cpu_quota > 0)
			sum += (double)demands[i].cpu_quota / (double)period_of(&demands[i]);
		if (demands[i].cpuset)
			sizing_add_cpus(&mask, demands[i].cpuset);
	}
	return sum > 0 ? sum : (double)sizing_count_cpus(&mask);
}

static int64_t whole_cpus(const struct config_hypervisor *c, double cpus)
{
	int64_t whole;

	if (cpus > (double)c->default_maxvcpus)
		return c->default_maxvcpus;
	whole = (int64_t)(cpus - EPSILON);
	if ((double)whole < cpus - EPSILON)
		whole++;
	return whole < 1 ? 1 : whole;
}

/* Bytes of all limits, at most what int64_t holds. */
static int64_t sum_memory(const struct sizing_demand *demands, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (__builtin_add_overflow(sum, demands[i].memory, &sum) ||
		    __builtin_add_overflow(sum, demands[i].hugepages, &sum))
			return INT64_MAX;
	return sum;
}

static int64_t round_up(int64_t figure, int64_t unit)
{
	int64_t units = figure / unit + (figure % unit != 0);

	return units > INT64_MAX / unit ? INT64_MAX : units * unit;
}

static int64_t whole_memory(const struct config_hypervisor *c, int64_t bytes, int64_t block_mib)
{
	int64_t block = block_mib > 0 ? block_mib : 1;
	int64_t added = round_up(round_up(bytes, MIB) / MIB, block);
	int64_t room = c->default_maxmemory - c->default_memory;

	if (added > room)
		added = room > 0 ? room / block * block : 0;
	return c->default_memory + added;
}

struct sizing_result sizing_for(const struct config_hypervisor *c, const struct sizing_demand *demands, size_t n,
                                int64_t block_mib)
{
	return (struct sizing_result){
		.vcpus = whole_cpus(c, c->default_vcpus + sum_cpus(demands, n)),
		.memory_mib = whole_memory(c, sum_memory(demands, n), block_mib),
	};
}

struct sizing_result sizing_static(const struct config_hypervisor *c, const struct annotation_size *pod,
                                   const struct sizing_demand *container)
{
	struct sizing_demand demand = {
		.cpu_quota = pod->cpu_quota,
		.cpu_period = pod->cpu_period > 0 ? (uint64_t)pod->cpu_period : 0,
		.memory = pod->memory > 0 ? pod->memory : 0,
	};

	/* Without a quota the shares are all that tells how much the pod wants. */
	if (pod->cpu_quota < 0 && pod->cpu_shares > 0)
		demand = (struct sizing_demand){ .cpu_quota = pod->cpu_shares,
			                         .cpu_period = 1024,
			                         .memory = demand.memory };
	if (pod->cpu_quota == 0 && pod->memory == 0 && container)
		demand = *container;
	return sizing_for(c, &demand, 1, 1);
}
