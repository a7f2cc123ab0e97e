/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v1_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cgroups/v1_files.h"
#include "lib/cgroupfs.h"
#include "lib/log.h"

#define BLKIO_MIN      10
#define BLKIO_MAX      1000
#define SWAPPINESS_MAX 100

struct planner {
	struct arena *arena;
	const struct cgroup_v1_now *now;
	struct step_list *steps;
	struct err *err;
};

/* --- steps ------------------------------------------------------------------------------------------------------- */

static int write_file(const struct step *step, const struct cgroup_v1_target *t, const char *file, const char *text)
{
	return cgroup_v1_write(t->at, cgroup_controller_find(step->type), file, text);
}

static bool is_absent(int r)
{
	return r == -ENOENT || r == -ENXIO;
}

/* What is in the way of a memory limit is worth a number. */
static int say_busy(const struct step *step, const struct cgroup_v1_target *t, struct err *err)
{
	_autofree_ char *used = NULL;

	if (cgroup_v1_read(t->at, CGROUP_MEMORY, "memory.usage_in_bytes", &used) < 0)
		return err_set(err, EBUSY, "set %s of cgroup '%s' to '%s'", step->target, t->at->path, step->data);
	used[strcspn(used, "\n")] = '\0';
	return err_say(err, EBUSY, "set %s of cgroup '%s' to '%s': %s bytes are in use", step->target, t->at->path,
	               step->data, used);
}

static int judge(const struct step *step, const struct cgroup_v1_target *t, int r, struct err *err)
{
	const char *path = t->at->path;

	if (r == -ENXIO)
		return err_say(err, ENOENT, "set %s of cgroup '%s': no hierarchy with the '%s' controller is mounted",
		               step->target, path, step->type);
	if (r == -ENOENT)
		return err_say(err, ENOENT, "set %s of cgroup '%s': there is no such file", step->target, path);
	if (r == -EBUSY && strcmp(step->type, "memory") == 0)
		return say_busy(step, t, err);
	return r < 0 ? err_set(err, r, "set %s of cgroup '%s' to '%s'", step->target, path, step->data) : 0;
}

static int apply_write(const struct step *step, void *context, struct err *err)
{
	const struct cgroup_v1_target *t = context;

	return judge(step, t, write_file(step, t, step->target, step->data), err);
}

static int apply_try(const struct step *step, void *context, struct err *err)
{
	struct cgroup_v1_target *t = context;
	int r = write_file(step, t, step->target, step->data);

	t->tried = !is_absent(r);
	return t->tried ? judge(step, t, r, err) : 0;
}

static int apply_else(const struct step *step, void *context, struct err *err)
{
	const struct cgroup_v1_target *t = context;

	return t->tried ? 0 : apply_write(step, context, err);
}

static int apply_attempt(const struct step *step, void *context, struct err *err)
{
	const struct cgroup_v1_target *t = context;
	int r = write_file(step, t, step->target, step->data);

	(void)err;
	if (r < 0)
		log_debug("cgroup", "Cannot set %s of cgroup '%s' to '%s': %s, ignoring", step->target, t->at->path,
		          step->data, strerror(-r));
	return 0;
}

/* Each must fit the other, and the parent, at every moment: where the usual order fails the other one may work. */
static int apply_bandwidth(const struct step *step, void *context, struct err *err)
{
	const struct cgroup_v1_target *t = context;
	int r = write_file(step, t, "cpu.cfs_period_us", step->source);

	if (r == -EINVAL) {
		r = write_file(step, t, "cpu.cfs_quota_us", step->data);
		r = r < 0 ? r : write_file(step, t, "cpu.cfs_period_us", step->source);
		return r < 0 ? err_set(err, r, "set %s of cgroup '%s' to '%s' with a period of '%s'", step->target,
		                       t->at->path, step->data, step->source)
		             : 0;
	}
	return r < 0 ? judge(step, t, r, err) : apply_write(step, context, err);
}

static int apply_fits(const struct step *step, void *context, struct err *err)
{
	const struct cgroup_v1_target *t = context;
	_autofree_ char *text = NULL;
	uint64_t used, limit = strtoull(step->data, NULL, 10);
	int r = cgroup_v1_read(t->at, CGROUP_MEMORY, step->target, &text);

	if (r < 0 || cgroupfs_parse_value(text, &used) < 0 || used < limit)
		return 0;
	return err_say(err, EBUSY, "memory limit '%s' of cgroup '%s' is not above the %" PRIu64 " bytes in use",
	               step->data, t->at->path, used);
}

static const struct step_kind kind_write = { .name = "write", .apply = apply_write };
static const struct step_kind kind_try = { .name = "try", .apply = apply_try };
static const struct step_kind kind_else = { .name = "else", .apply = apply_else };
static const struct step_kind kind_attempt = { .name = "attempt", .apply = apply_attempt };
static const struct step_kind kind_bandwidth = { .name = "bandwidth", .apply = apply_bandwidth };
static const struct step_kind kind_fits = { .name = "fits", .apply = apply_fits };

/* --- the plan ---------------------------------------------------------------------------------------------------- */

/* The controller is the first word of the file's name, but cpuacct's and cpu's own names tell that as well. */
static int add(struct planner *p, const struct step_kind *kind, const char *file, const char *value)
{
	struct step step = { .kind = kind, .target = file, .data = value };

	if (file)
		step.type = arena_memdup(p->arena, file, strcspn(file, "."));
	if (!file || !value || !step.type || step_add(p->arena, p->steps, &step) < 0)
		return err_say(p->err, ENOMEM, "plan limits: out of memory");
	return 0;
}

static int add_signed(struct planner *p, const struct step_kind *kind, const char *file, int64_t value)
{
	return add(p, kind, file, arena_printf(p->arena, "%" PRId64, value));
}

static int add_unsigned(struct planner *p, const struct step_kind *kind, const char *file, uint64_t value)
{
	return add(p, kind, file, arena_printf(p->arena, "%" PRIu64, value));
}

/* A number in which 0 is "leave alone" and -1 "no limit", which needs no file. */
static int add_limit(struct planner *p, const char *what, const char *file, int64_t value)
{
	if (value == 0)
		return 0;
	if (value < -1)
		return err_say(p->err, EINVAL, "%s limit '%" PRId64 "' is negative", what, value);
	return add_signed(p, value == -1 ? &kind_try : &kind_write, file, value);
}

static int plan_bandwidth(struct planner *p, const struct oci_cpu *cpu)
{
	struct step step = { .kind = &kind_bandwidth, .target = "cpu.cfs_quota_us", .type = "cpu" };

	if (cpu->quota == 0 || cpu->period == 0) {
		if (cpu->period)
			return add_unsigned(p, &kind_write, "cpu.cfs_period_us", cpu->period);
		return add_limit(p, "cpu quota", "cpu.cfs_quota_us", cpu->quota);
	}
	if (cpu->quota < -1)
		return err_say(p->err, EINVAL, "cpu quota limit '%" PRId64 "' is negative", cpu->quota);
	step.source = arena_printf(p->arena, "%" PRIu64, cpu->period);
	step.data = arena_printf(p->arena, "%" PRId64, cpu->quota);
	if (!step.source || !step.data || step_add(p->arena, p->steps, &step) < 0)
		return err_say(p->err, ENOMEM, "plan limits: out of memory");
	return 0;
}

static int plan_cpu(struct planner *p, const struct oci_cpu *cpu)
{
	bool is_idle = cpu->has_idle && cpu->idle != 0;
	int r = 0;

	if (cpu->has_idle)
		r = add_signed(p, is_idle ? &kind_write : &kind_try, "cpu.idle", cpu->idle);
	/* Idle is less than any share, and the kernel takes none then. */
	if (r >= 0 && cpu->shares && !is_idle)
		r = add_unsigned(p, &kind_write, "cpu.shares", cpu->shares);
	if (r >= 0 && cpu->realtime_period)
		r = add_unsigned(p, &kind_write, "cpu.rt_period_us", cpu->realtime_period);
	if (r >= 0 && cpu->realtime_runtime)
		r = add_signed(p, &kind_write, "cpu.rt_runtime_us", cpu->realtime_runtime);
	/* A burst may not exceed the quota: less of it comes before, more of it after. */
	if (r >= 0 && cpu->has_burst)
		r = add_unsigned(p, &kind_attempt, "cpu.cfs_burst_us", cpu->burst);
	r = r < 0 ? r : plan_bandwidth(p, cpu);
	if (r >= 0 && cpu->has_burst)
		r = add_unsigned(p, cpu->burst ? &kind_write : &kind_try, "cpu.cfs_burst_us", cpu->burst);
	if (r >= 0 && cpu->cpus && *cpu->cpus)
		r = add(p, &kind_write, "cpuset.cpus", cpu->cpus);
	if (r >= 0 && cpu->mems && *cpu->mems)
		r = add(p, &kind_write, "cpuset.mems", cpu->mems);
	return r;
}

#define MEMORY_FILE "memory.limit_in_bytes"
#define SWAP_FILE   "memory.memsw.limit_in_bytes"

/* The kernel wants memory <= memory and swap at every moment, so what is raised above the other comes first. */
static int plan_memory_and_swap(struct planner *p, const struct oci_memory *m)
{
	int64_t swap = m->limit == -1 && m->swap == 0 ? -1 : m->swap;
	uint64_t sum = swap < 0 ? UINT64_MAX : (uint64_t)swap;
	bool swap_first = swap != 0 && sum >= p->now->memory_limit;
	int r = 0;

	if (m->limit > 0 && swap > 0 && swap < m->limit)
		return err_say(p->err, EINVAL,
		               "swap limit '%" PRId64 "' is below the memory limit '%" PRId64 "': it is for both", swap,
		               m->limit);
	if (m->limit == 0 && swap > 0 && p->now->memory_limit == UINT64_MAX)
		return err_say(p->err, EINVAL, "swap limit '%" PRId64 "' without a memory limit", swap);
	if (m->check_before_update && m->limit > 0)
		r = add_signed(p, &kind_fits, "memory.usage_in_bytes", m->limit);
	if (r >= 0 && swap_first)
		r = add_limit(p, "swap", SWAP_FILE, swap);
	r = r < 0 ? r : add_limit(p, "memory", MEMORY_FILE, m->limit);
	if (r >= 0 && !swap_first)
		r = add_limit(p, "swap", SWAP_FILE, swap);
	return r;
}

static int plan_memory(struct planner *p, const struct oci_memory *m)
{
	int r = plan_memory_and_swap(p, m);

	r = r < 0 ? r : add_limit(p, "memory reservation", "memory.soft_limit_in_bytes", m->reservation);
	/* Kernels since 5.16 have no such limit any more and say so; OCI calls it not recommended. */
	if (r >= 0 && m->kernel)
		r = add_signed(p, &kind_attempt, "memory.kmem.limit_in_bytes", m->kernel);
	r = r < 0 ? r : add_limit(p, "kernel TCP memory", "memory.kmem.tcp.limit_in_bytes", m->kernel_tcp);
	/* -1 is "not given" with some callers. */
	if (r >= 0 && m->has_swappiness && m->swappiness != UINT64_MAX) {
		if (m->swappiness > SWAPPINESS_MAX)
			return err_say(p->err, EINVAL, "swappiness '%" PRIu64 "' is not in 0..%d", m->swappiness,
			               SWAPPINESS_MAX);
		r = add_unsigned(p, &kind_write, "memory.swappiness", m->swappiness);
	}
	return r < 0 || !m->disable_oom_killer ? r : add(p, &kind_write, "memory.oom_control", "1");
}

/* CFQ's file or BFQ's may be there; both take the number as it is. */
static int plan_weight(struct planner *p, const char *device, unsigned weight)
{
	const char *value = arena_printf(p->arena, "%s%u", device, weight);
	int r;

	if (weight < BLKIO_MIN || weight > BLKIO_MAX)
		return err_say(p->err, EINVAL, "block I/O weight '%u' is not in 10..1000", weight);
	r = add(p, &kind_try, *device ? "blkio.weight_device" : "blkio.weight", value);
	return r < 0 ? r : add(p, &kind_else, *device ? "blkio.bfq.weight_device" : "blkio.bfq.weight", value);
}

static int plan_throttle(struct planner *p, const struct oci_throttle *list, const char *file)
{
	int r = 0;

	for (size_t i = 0; i < list->n && r >= 0; i++) {
		const struct oci_throttle_device *d = &list->v[i];

		r = add(p, d->rate ? &kind_write : &kind_try, file,
		        arena_printf(p->arena, "%" PRId64 ":%" PRId64 " %" PRIu64, d->major, d->minor, d->rate));
	}
	return r;
}

static int plan_io(struct planner *p, const struct oci_block_io *io)
{
	int r = io->weight ? plan_weight(p, "", io->weight) : 0;

	/* Leaves have had no weight of their own since CFQ is gone (5.0). */
	if (r >= 0 && io->leaf_weight)
		r = add_unsigned(p, &kind_attempt, "blkio.leaf_weight", io->leaf_weight);
	for (size_t i = 0; i < io->n_weight_devices && r >= 0; i++) {
		const struct oci_weight_device *d = &io->weight_devices[i];
		const char *device = arena_printf(p->arena, "%" PRId64 ":%" PRId64 " ", d->major, d->minor);

		if (!device)
			return err_say(p->err, ENOMEM, "plan limits: out of memory");
		r = d->weight ? plan_weight(p, device, d->weight) : 0;
		if (r >= 0 && d->leaf_weight)
			r = add(p, &kind_attempt, "blkio.leaf_weight_device",
			        arena_printf(p->arena, "%s%u", device, (unsigned)d->leaf_weight));
	}
	r = r < 0 ? r : plan_throttle(p, &io->read_bps, "blkio.throttle.read_bps_device");
	r = r < 0 ? r : plan_throttle(p, &io->write_bps, "blkio.throttle.write_bps_device");
	r = r < 0 ? r : plan_throttle(p, &io->read_iops, "blkio.throttle.read_iops_device");
	return r < 0 ? r : plan_throttle(p, &io->write_iops, "blkio.throttle.write_iops_device");
}

static bool is_file_name(const char *name)
{
	return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Kubernetes sends limit 0 for every page size of the host: a size that the guest has not got is at 0 already. */
static int plan_hugepages(struct planner *p, const struct oci_hugepage_limit *h)
{
	bool optional = h->limit == 0 || h->limit == UINT64_MAX;
	int r;

	if (!is_file_name(h->page_size))
		return err_say(p->err, EINVAL, "page size '%s' is not valid", h->page_size ? h->page_size : "");
	r = add_unsigned(p, optional ? &kind_try : &kind_write,
	                 arena_printf(p->arena, "hugetlb.%s.limit_in_bytes", h->page_size), h->limit);
	return r < 0 ? r
	             : add_unsigned(p, &kind_try,
	                            arena_printf(p->arena, "hugetlb.%s.rsvd.limit_in_bytes", h->page_size), h->limit);
}

static int plan_network(struct planner *p, const struct oci_network *net)
{
	int r = net->has_class_id ? add_unsigned(p, &kind_write, "net_cls.classid", net->class_id) : 0;

	for (size_t i = 0; i < net->n_priorities && r >= 0; i++)
		r = add(p, &kind_write, "net_prio.ifpriomap",
		        arena_printf(p->arena, "%s %u", net->priorities[i].name, net->priorities[i].priority));
	return r;
}

static int plan_rdma(struct planner *p, const struct oci_rdma *rdma)
{
	int r = 0;

	for (size_t i = 0; i < rdma->n && r >= 0; i++)
		r = add(p, &kind_write, "rdma.max", cgroup_rdma_line(p->arena, &rdma->v[i]));
	return r;
}

int cgroup_v1_plan(struct arena *arena, const struct oci_resources *res, const struct cgroup_v1_now *now,
                   struct step_list *ret, struct err *err)
{
	struct planner p = { .arena = arena, .now = now, .steps = ret, .err = err };
	int r = 0;

	if (!res)
		return 0;
	if (res->unified.n > 0)
		return err_say(err, EINVAL, "unified resource '%s' needs cgroup v2", res->unified.v[0].key);
	if (res->cpu)
		r = plan_cpu(&p, res->cpu);
	if (r >= 0 && res->memory)
		r = plan_memory(&p, res->memory);
	if (r >= 0 && res->has_pids && res->pids_limit <= 0)
		r = add(&p, &kind_try, "pids.max", "max");
	else if (r >= 0 && res->has_pids)
		r = add_signed(&p, &kind_write, "pids.max", res->pids_limit);
	if (r >= 0 && res->block_io)
		r = plan_io(&p, res->block_io);
	for (size_t i = 0; i < res->n_hugepages && r >= 0; i++)
		r = plan_hugepages(&p, &res->hugepages[i]);
	if (r >= 0 && res->network)
		r = plan_network(&p, res->network);
	return r < 0 ? r : plan_rdma(&p, &res->rdma);
}
