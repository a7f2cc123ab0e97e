/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.LinuxResources to struct oci_resources and back. */
#include <errno.h>
#include <stdint.h>

#include "lib/oci_names.h"
#include "proto/pboci_convert.h"

/* Absent, 0 and -1 cannot be told apart from "any" on the wire; there is no device with a major number of 0. */
static int64_t device_number(int64_t n)
{
	return n > 0 ? n : -1;
}

static void read_rules(struct pboci *c, const Grpc__LinuxResources *in, struct oci_resources *out)
{
	out->devices = pboci_list(c, in->n_devices, sizeof(*out->devices), &out->n_devices);
	for (size_t i = 0; i < out->n_devices; i++) {
		const Grpc__LinuxDeviceCgroup *d = in->devices[i];
		struct oci_device_rule *rule = &out->devices[i];
		int type = oci_device_rule_type_parse(d->type);

		if (type < 0)
			pboci_fail(c, EINVAL, "Linux.Resources.Devices[%zu].Type: unknown device type '%s'", i,
			           d->type);
		if (oci_device_access_parse(d->access, rule->access) < 0)
			pboci_fail(c, EINVAL, "Linux.Resources.Devices[%zu].Access: unknown access '%s'", i, d->access);
		rule->allow = d->allow;
		rule->type = (char)type;
		rule->major = device_number(d->major);
		rule->minor = device_number(d->minor);
	}
}

static struct oci_memory *read_memory(struct pboci *c, const Grpc__LinuxMemory *in)
{
	struct oci_memory *out = in ? pboci_new(c, sizeof(*out)) : NULL;

	if (!out)
		return NULL;
	*out = (struct oci_memory){
		.limit = in->limit,
		.reservation = in->reservation,
		.swap = in->swap,
		.kernel = in->kernel,
		.kernel_tcp = in->kerneltcp,
		/* 0 is a swappiness, but on the wire it is also "not given", which is far more common */
		.has_swappiness = in->swappiness > 0,
		.swappiness = in->swappiness,
		.disable_oom_killer = in->disableoomkiller,
	};
	return out;
}

static struct oci_cpu *read_cpu(struct pboci *c, const Grpc__LinuxCPU *in)
{
	struct oci_cpu *out = in ? pboci_new(c, sizeof(*out)) : NULL;

	if (!out)
		return NULL;
	*out = (struct oci_cpu){
		.shares = in->shares,
		.quota = in->quota,
		.period = in->period,
		.realtime_runtime = in->realtimeruntime,
		.realtime_period = in->realtimeperiod,
		.cpus = pboci_text(c, in->cpus),
		.mems = pboci_text(c, in->mems),
	};
	return out;
}

static uint16_t weight(struct pboci *c, uint32_t n)
{
	if (n > UINT16_MAX)
		pboci_fail(c, ERANGE, "Linux.Resources.BlockIO: weight %u is too large", n);
	return (uint16_t)n;
}

static struct oci_throttle read_throttle(struct pboci *c, size_t n, Grpc__LinuxThrottleDevice *const *in)
{
	struct oci_throttle out = { 0 };

	out.v = pboci_list(c, n, sizeof(*out.v), &out.n);
	for (size_t i = 0; i < out.n; i++)
		out.v[i] = (struct oci_throttle_device){
			.major = in[i]->major,
			.minor = in[i]->minor,
			.rate = in[i]->rate,
		};
	return out;
}

static struct oci_block_io *read_block_io(struct pboci *c, const Grpc__LinuxBlockIO *in)
{
	struct oci_block_io *out = in ? pboci_new(c, sizeof(*out)) : NULL;

	if (!out)
		return NULL;
	out->weight = weight(c, in->weight);
	out->leaf_weight = weight(c, in->leafweight);
	out->weight_devices = pboci_list(c, in->n_weightdevice, sizeof(*out->weight_devices), &out->n_weight_devices);
	for (size_t i = 0; i < out->n_weight_devices; i++)
		out->weight_devices[i] = (struct oci_weight_device){
			.major = in->weightdevice[i]->major,
			.minor = in->weightdevice[i]->minor,
			.weight = weight(c, in->weightdevice[i]->weight),
			.leaf_weight = weight(c, in->weightdevice[i]->leafweight),
		};
	out->read_bps = read_throttle(c, in->n_throttlereadbpsdevice, in->throttlereadbpsdevice);
	out->write_bps = read_throttle(c, in->n_throttlewritebpsdevice, in->throttlewritebpsdevice);
	out->read_iops = read_throttle(c, in->n_throttlereadiopsdevice, in->throttlereadiopsdevice);
	out->write_iops = read_throttle(c, in->n_throttlewriteiopsdevice, in->throttlewriteiopsdevice);
	return out;
}

/* A class of 0 is no class. */
static struct oci_network *read_network(struct pboci *c, const Grpc__LinuxNetwork *in)
{
	struct oci_network *out = in ? pboci_new(c, sizeof(*out)) : NULL;

	if (!out)
		return NULL;
	out->has_class_id = in->classid != 0;
	out->class_id = in->classid;
	out->priorities = pboci_list(c, in->n_priorities, sizeof(*out->priorities), &out->n_priorities);
	for (size_t i = 0; i < out->n_priorities; i++) {
		out->priorities[i].name =
			pboci_needed(c, in->priorities[i]->name, "Linux.Resources.Network.Priorities", i, "Name");
		out->priorities[i].priority = in->priorities[i]->priority;
	}
	return out;
}

struct oci_resources *pboci_read_resources(struct pboci *c, const Grpc__LinuxResources *in)
{
	struct oci_resources *out = in ? pboci_new(c, sizeof(*out)) : NULL;

	if (!out)
		return NULL;
	read_rules(c, in, out);
	out->memory = read_memory(c, in->memory);
	out->cpu = read_cpu(c, in->cpu);
	out->has_pids = in->pids != NULL;
	out->pids_limit = in->pids ? in->pids->limit : 0;
	out->block_io = read_block_io(c, in->blockio);
	out->hugepages = pboci_list(c, in->n_hugepagelimits, sizeof(*out->hugepages), &out->n_hugepages);
	for (size_t i = 0; i < out->n_hugepages; i++) {
		const Grpc__LinuxHugepageLimit *h = in->hugepagelimits[i];

		out->hugepages[i].page_size =
			pboci_needed(c, h->pagesize, "Linux.Resources.HugepageLimits", i, "Pagesize");
		out->hugepages[i].limit = h->limit;
	}
	out->network = read_network(c, in->network);
	return out;
}

static void write_rules(struct pboci *c, const struct oci_resources *in, Grpc__LinuxResources *out)
{
	out->devices = pboci_messages(c, &grpc__linux_device_cgroup__descriptor, in->n_devices, &out->n_devices);
	for (size_t i = 0; i < out->n_devices; i++) {
		const struct oci_device_rule *rule = &in->devices[i];
		char type[2] = { rule->type, '\0' };

		out->devices[i]->allow = rule->allow;
		out->devices[i]->type = pboci_text(c, type);
		out->devices[i]->major = rule->major;
		out->devices[i]->minor = rule->minor;
		out->devices[i]->access = (char *)rule->access;
	}
}

static Grpc__LinuxMemory *write_memory(struct pboci *c, const struct oci_memory *in)
{
	Grpc__LinuxMemory *out = in ? pboci_message(c, &grpc__linux_memory__descriptor) : NULL;

	if (!out)
		return NULL;
	out->limit = in->limit;
	out->reservation = in->reservation;
	out->swap = in->swap;
	out->kernel = in->kernel;
	out->kerneltcp = in->kernel_tcp;
	out->swappiness = in->has_swappiness ? in->swappiness : 0;
	out->disableoomkiller = in->disable_oom_killer;
	return out;
}

static Grpc__LinuxCPU *write_cpu(struct pboci *c, const struct oci_cpu *in)
{
	Grpc__LinuxCPU *out = in ? pboci_message(c, &grpc__linux_cpu__descriptor) : NULL;

	if (!out)
		return NULL;
	out->shares = in->shares;
	out->quota = in->quota;
	out->period = in->period;
	out->realtimeruntime = in->realtime_runtime;
	out->realtimeperiod = in->realtime_period;
	if (in->cpus)
		out->cpus = in->cpus;
	if (in->mems)
		out->mems = in->mems;
	return out;
}

static Grpc__LinuxThrottleDevice **write_throttle(struct pboci *c, const struct oci_throttle *in, size_t *ret_n)
{
	Grpc__LinuxThrottleDevice **out = pboci_messages(c, &grpc__linux_throttle_device__descriptor, in->n, ret_n);

	for (size_t i = 0; i < *ret_n; i++) {
		out[i]->major = in->v[i].major;
		out[i]->minor = in->v[i].minor;
		out[i]->rate = in->v[i].rate;
	}
	return out;
}

static Grpc__LinuxBlockIO *write_block_io(struct pboci *c, const struct oci_block_io *in)
{
	Grpc__LinuxBlockIO *out = in ? pboci_message(c, &grpc__linux_block_io__descriptor) : NULL;

	if (!out)
		return NULL;
	out->weight = in->weight;
	out->leafweight = in->leaf_weight;
	out->weightdevice =
		pboci_messages(c, &grpc__linux_weight_device__descriptor, in->n_weight_devices, &out->n_weightdevice);
	for (size_t i = 0; i < out->n_weightdevice; i++) {
		out->weightdevice[i]->major = in->weight_devices[i].major;
		out->weightdevice[i]->minor = in->weight_devices[i].minor;
		out->weightdevice[i]->weight = in->weight_devices[i].weight;
		out->weightdevice[i]->leafweight = in->weight_devices[i].leaf_weight;
	}
	out->throttlereadbpsdevice = write_throttle(c, &in->read_bps, &out->n_throttlereadbpsdevice);
	out->throttlewritebpsdevice = write_throttle(c, &in->write_bps, &out->n_throttlewritebpsdevice);
	out->throttlereadiopsdevice = write_throttle(c, &in->read_iops, &out->n_throttlereadiopsdevice);
	out->throttlewriteiopsdevice = write_throttle(c, &in->write_iops, &out->n_throttlewriteiopsdevice);
	return out;
}

static Grpc__LinuxNetwork *write_network(struct pboci *c, const struct oci_network *in)
{
	Grpc__LinuxNetwork *out = in ? pboci_message(c, &grpc__linux_network__descriptor) : NULL;

	if (!out)
		return NULL;
	out->classid = in->has_class_id ? in->class_id : 0;
	out->priorities =
		pboci_messages(c, &grpc__linux_interface_priority__descriptor, in->n_priorities, &out->n_priorities);
	for (size_t i = 0; i < out->n_priorities; i++) {
		out->priorities[i]->name = in->priorities[i].name;
		out->priorities[i]->priority = in->priorities[i].priority;
	}
	return out;
}

Grpc__LinuxResources *pboci_write_resources(struct pboci *c, const struct oci_resources *in)
{
	Grpc__LinuxResources *out = in ? pboci_message(c, &grpc__linux_resources__descriptor) : NULL;

	if (!out)
		return NULL;
	write_rules(c, in, out);
	out->memory = write_memory(c, in->memory);
	out->cpu = write_cpu(c, in->cpu);
	out->pids = in->has_pids ? pboci_message(c, &grpc__linux_pids__descriptor) : NULL;
	if (out->pids)
		out->pids->limit = in->pids_limit;
	out->blockio = write_block_io(c, in->block_io);
	out->hugepagelimits =
		pboci_messages(c, &grpc__linux_hugepage_limit__descriptor, in->n_hugepages, &out->n_hugepagelimits);
	for (size_t i = 0; i < out->n_hugepagelimits; i++) {
		out->hugepagelimits[i]->pagesize = in->hugepages[i].page_size;
		out->hugepagelimits[i]->limit = in->hugepages[i].limit;
	}
	out->network = write_network(c, in->network);
	return out;
}
