/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v2_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cgroups/ops.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/log.h"

#define BLKIO_MIN      10
#define BLKIO_MAX      1000
#define CPU_MAX_LENGTH 64

struct planner {
	struct arena *arena;
	const struct cgroup_v2_now *now;
	struct step_list *steps;
	struct err *err;
};

static int write_file(const struct step *step, struct cgroup_v2_target *t, int r, struct err *err)
{
	if (r == -ENOENT && t->busy)
		return err_say(
			err, ENOENT,
			"set %s of cgroup '%s': the controller is not enabled, because processes sit in cgroup '%s'",
			step->target, t->path, t->busy);
	if (r == -ENOENT)
		return err_say(err, ENOENT, "set %s of cgroup '%s': the controller is not enabled", step->target,
		               t->path);
	if (r < 0)
		return err_set(err, r, "set %s of cgroup '%s' to '%s'", step->target, t->path, step->data);
	return 0;
}

static int apply_write(const struct step *step, void *context, struct err *err)
{
	struct cgroup_v2_target *t = context;

	return write_file(step, t, fd_write_file_at(t->dir, step->target, step->data), err);
}

static int apply_try(const struct step *step, void *context, struct err *err)
{
	struct cgroup_v2_target *t = context;
	int r = fd_write_file_at(t->dir, step->target, step->data);

	t->tried = r != -ENOENT;
	return t->tried ? write_file(step, t, r, err) : 0;
}

static int apply_else(const struct step *step, void *context, struct err *err)
{
	struct cgroup_v2_target *t = context;

	return t->tried ? 0 : apply_write(step, context, err);
}

static int apply_ignore(const struct step *step, void *context, struct err *err)
{
	struct cgroup_v2_target *t = context;

	(void)err;
	log_debug("cgroup", "Resource '%s' of cgroup '%s' has no file in cgroup v2, ignoring", step->target, t->path);
	return 0;
}

static int apply_attempt(const struct step *step, void *context, struct err *err)
{
	struct cgroup_v2_target *t = context;
	int r = fd_write_file_at(t->dir, step->target, step->data);

	(void)err;
	if (r < 0)
		log_debug("cgroup", "Cannot set %s of cgroup '%s' to '%s': %s, ignoring", step->target, t->path,
		          step->data, strerror(-r));
	return 0;
}

static int apply_fits(const struct step *step, void *context, struct err *err)
{
	struct cgroup_v2_target *t = context;
	uint64_t used, limit = strtoull(step->data, NULL, 10);

	if (cgroupfs_read_value(t->dir, step->target, &used) < 0 || used < limit)
		return 0;
	return err_say(err, EBUSY, "memory limit '%s' of cgroup '%s' is not above the %" PRIu64 " bytes in use",
	               step->data, t->path, used);
}

static const struct step_kind kind_write = { .name = "write", .apply = apply_write };
static const struct step_kind kind_try = { .name = "try", .apply = apply_try };
static const struct step_kind kind_else = { .name = "else", .apply = apply_else };
static const struct step_kind kind_attempt = { .name = "attempt", .apply = apply_attempt };
static const struct step_kind kind_fits = { .name = "fits", .apply = apply_fits };
static const struct step_kind kind_ignore = { .name = "ignore", .apply = apply_ignore };

static int add(struct planner *p, const struct step_kind *kind, const char *file, const char *value)
{
	struct step step = { .kind = kind, .target = file, .data = value };

	if (!file || (!value && kind != &kind_ignore) || step_add(p->arena, p->steps, &step) < 0)
		return err_say(p->err, ENOMEM, "plan limits: out of memory");
	return 0;
}

static int ignore(struct planner *p, bool given, const char *name)
{
	return given ? add(p, &kind_ignore, name, NULL) : 0;
}

/* A limit; "none" and what `optional` says need no file. */
static int add_limit(struct planner *p, const char *file, uint64_t limit, bool optional)
{
	if (limit == UINT64_MAX)
		return add(p, &kind_try, file, "max");
	return add(p, optional ? &kind_try : &kind_write, file, arena_printf(p->arena, "%" PRIu64, limit));
}

/* An OCI number in which 0 was handled by the caller and -1 means no limit. */
static int signed_limit(struct planner *p, const char *what, int64_t value, uint64_t *ret)
{
	if (value < -1)
		return err_say(p->err, EINVAL, "%s limit '%" PRId64 "' is negative", what, value);
	*ret = value < 0 ? UINT64_MAX : (uint64_t)value;
	return 0;
}

static int plan_cpu_max(struct planner *p, const struct oci_cpu *cpu)
{
	uint64_t quota = p->now->quota, period = cpu->period ? cpu->period : p->now->period;
	int r = cpu->quota ? signed_limit(p, "cpu quota", cpu->quota, &quota) : 0;
	const struct step_kind *kind = quota == UINT64_MAX ? &kind_try : &kind_write;

	if (r < 0 || (!cpu->quota && !cpu->period))
		return r;
	if (quota == UINT64_MAX)
		return add(p, kind, "cpu.max", arena_printf(p->arena, "max %" PRIu64, period));
	return add(p, kind, "cpu.max", arena_printf(p->arena, "%" PRIu64 " %" PRIu64, quota, period));
}

/* A burst may not exceed the quota: less of it comes before, more of it after. */
static int plan_bandwidth(struct planner *p, const struct oci_cpu *cpu)
{
	const char *burst = arena_printf(p->arena, "%" PRIu64, cpu->burst);
	int r = cpu->has_burst ? add(p, &kind_attempt, "cpu.max.burst", burst) : 0;

	r = r < 0 ? r : plan_cpu_max(p, cpu);
	if (r < 0 || !cpu->has_burst)
		return r;
	return add(p, cpu->burst ? &kind_write : &kind_try, "cpu.max.burst", burst);
}

static int plan_cpu(struct planner *p, const struct oci_cpu *cpu)
{
	bool is_idle = cpu->has_idle && cpu->idle != 0;
	int r = 0;

	if (cpu->cpus && *cpu->cpus)
		r = add(p, &kind_write, "cpuset.cpus", cpu->cpus);
	if (r >= 0 && cpu->mems && *cpu->mems)
		r = add(p, &kind_write, "cpuset.mems", cpu->mems);
	if (r >= 0 && cpu->has_idle)
		r = add(p, is_idle ? &kind_write : &kind_try, "cpu.idle",
		        arena_printf(p->arena, "%" PRId64, cpu->idle));
	/* Idle is less than any weight, and the kernel takes none then. */
	if (r >= 0 && cpu->shares && !is_idle)
		r = add_limit(p, "cpu.weight", cgroupfs_weight_of_shares(cpu->shares), false);
	r = r < 0 ? r : plan_bandwidth(p, cpu);
	return r < 0 ? r : ignore(p, cpu->realtime_runtime || cpu->realtime_period, "cpu.rt");
}

/* OCI's swap is memory plus swap, v2's is swap alone. *ret_given is false if swap.max is to be left alone. */
static int swap_limit(struct planner *p, const struct oci_memory *m, bool *ret_given, uint64_t *ret)
{
	uint64_t memory = m->limit ? (uint64_t)m->limit : p->now->memory_max;

	*ret = UINT64_MAX;
	/* Without a memory limit there can be none for the sum. */
	*ret_given = m->swap != 0 || m->limit == -1;
	if (m->swap == -1 || m->swap == 0)
		return 0;
	if (m->swap < -1)
		return err_say(p->err, EINVAL, "swap limit '%" PRId64 "' is negative", m->swap);
	if (memory == UINT64_MAX)
		return err_say(p->err, EINVAL, "swap limit '%" PRId64 "' without a memory limit", m->swap);
	if ((uint64_t)m->swap < memory)
		return err_say(p->err, EINVAL, "swap limit '%" PRId64 "' is below the memory limit '%" PRIu64 "'",
		               m->swap, memory);
	*ret = (uint64_t)m->swap - memory;
	return 0;
}

static int plan_memory_and_swap(struct planner *p, const struct oci_memory *m)
{
	uint64_t limit = 0, swap = 0;
	bool has_swap, swap_last;
	int r = signed_limit(p, "memory", m->limit, &limit);

	r = r < 0 ? r : swap_limit(p, m, &has_swap, &swap);
	if (r < 0)
		return r;
	/*
	 * A memory limit below what is used makes the kernel reclaim, and it needs the swap for that: more swap comes
	 * before the memory limit, less swap after it. A kernel without swap has no file; none is then what it has.
	 */
	swap_last = swap < p->now->swap_max;
	if (has_swap && !swap_last)
		r = add_limit(p, "memory.swap.max", swap, swap == 0);
	if (r >= 0 && m->limit)
		r = add_limit(p, "memory.max", limit, false);
	if (r >= 0 && has_swap && swap_last)
		r = add_limit(p, "memory.swap.max", swap, swap == 0);
	return r;
}

static int plan_memory(struct planner *p, const struct oci_memory *m)
{
	uint64_t low = 0;
	int r = 0;

	if (m->check_before_update && m->limit > 0)
		r = add(p, &kind_fits, "memory.current", arena_printf(p->arena, "%" PRId64, m->limit));
	r = r < 0 ? r : plan_memory_and_swap(p, m);
	if (r >= 0 && m->reservation) {
		r = signed_limit(p, "memory reservation", m->reservation, &low);
		r = r < 0 ? r : add_limit(p, "memory.low", low, false);
	}
	r = r < 0 ? r : ignore(p, m->has_swappiness, "memory.swappiness");
	r = r < 0 ? r : ignore(p, m->kernel || m->kernel_tcp, "memory.kmem");
	return r < 0 ? r : ignore(p, m->disable_oom_killer, "memory.oom_control");
}

/* Either scheduler's file may be there; bfq takes the number as it is, io.weight wants 1..10000. */
static int plan_weight(struct planner *p, const char *device, unsigned weight)
{
	unsigned converted = 1 + (weight - BLKIO_MIN) * 9999 / (BLKIO_MAX - BLKIO_MIN);
	int r;

	if (weight < BLKIO_MIN || weight > BLKIO_MAX)
		return err_say(p->err, EINVAL, "block I/O weight '%u' is not in 10..1000", weight);
	r = add(p, &kind_try, "io.bfq.weight", arena_printf(p->arena, "%s%u", device, weight));
	return r < 0 ? r : add(p, &kind_else, "io.weight", arena_printf(p->arena, "%s%u", device, converted));
}

static int plan_throttle(struct planner *p, const struct oci_throttle *list, const char *key)
{
	int r = 0;

	for (size_t i = 0; i < list->n && r >= 0; i++) {
		const struct oci_throttle_device *d = &list->v[i];

		if (d->rate == 0)
			r = add(p, &kind_try, "io.max",
			        arena_printf(p->arena, "%" PRId64 ":%" PRId64 " %s=max", d->major, d->minor, key));
		else
			r = add(p, &kind_write, "io.max",
			        arena_printf(p->arena, "%" PRId64 ":%" PRId64 " %s=%" PRIu64, d->major, d->minor, key,
			                     d->rate));
	}
	return r;
}

static int plan_io(struct planner *p, const struct oci_block_io *io)
{
	bool leaf = io->leaf_weight != 0;
	int r = io->weight ? plan_weight(p, "", io->weight) : 0;

	for (size_t i = 0; i < io->n_weight_devices && r >= 0; i++) {
		const struct oci_weight_device *d = &io->weight_devices[i];
		const char *device = arena_printf(p->arena, "%" PRId64 ":%" PRId64 " ", d->major, d->minor);

		leaf = leaf || d->leaf_weight != 0;
		if (!device)
			return err_say(p->err, ENOMEM, "plan limits: out of memory");
		r = d->weight ? plan_weight(p, device, d->weight) : 0;
	}
	r = r < 0 ? r : plan_throttle(p, &io->read_bps, "rbps");
	r = r < 0 ? r : plan_throttle(p, &io->write_bps, "wbps");
	r = r < 0 ? r : plan_throttle(p, &io->read_iops, "riops");
	r = r < 0 ? r : plan_throttle(p, &io->write_iops, "wiops");
	return r < 0 ? r : ignore(p, leaf, "blkio.leaf_weight");
}

static bool is_file_name(const char *name)
{
	return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Kubernetes sends limit 0 for every page size of the host: a size that the guest has not got is at 0 already. */
static int plan_hugepages(struct planner *p, const struct oci_hugepage_limit *h)
{
	const char *max, *rsvd;
	int r;

	if (!is_file_name(h->page_size))
		return err_say(p->err, EINVAL, "page size '%s' is not valid", h->page_size ? h->page_size : "");
	max = arena_printf(p->arena, "hugetlb.%s.max", h->page_size);
	rsvd = arena_printf(p->arena, "hugetlb.%s.rsvd.max", h->page_size);
	r = add_limit(p, max, h->limit, h->limit == 0);
	return r < 0 ? r : add_limit(p, rsvd, h->limit, true);
}

static int plan_lists(struct planner *p, const struct oci_resources *res)
{
	int r = 0;

	for (size_t i = 0; i < res->n_hugepages && r >= 0; i++)
		r = plan_hugepages(p, &res->hugepages[i]);
	for (size_t i = 0; i < res->rdma.n && r >= 0; i++)
		r = add(p, &kind_write, "rdma.max", cgroup_rdma_line(p->arena, &res->rdma.v[i]));
	for (size_t i = 0; i < res->unified.n && r >= 0; i++) {
		const struct oci_pair *pair = &res->unified.v[i];

		if (!is_file_name(pair->key))
			return err_say(p->err, EINVAL, "unified resource '%s' is not a file name",
			               pair->key ? pair->key : "");
		r = add(p, &kind_write, pair->key, pair->value ? pair->value : "");
	}
	return r;
}

int cgroup_v2_plan(struct arena *arena, const struct oci_resources *res, const struct cgroup_v2_now *now,
                   struct step_list *ret, struct err *err)
{
	struct planner p = { .arena = arena, .now = now, .steps = ret, .err = err };
	int r = 0;

	if (!res)
		return 0;
	if (res->cpu)
		r = plan_cpu(&p, res->cpu);
	if (r >= 0 && res->memory)
		r = plan_memory(&p, res->memory);
	if (r >= 0 && res->has_pids)
		r = add_limit(&p, "pids.max", res->pids_limit <= 0 ? UINT64_MAX : (uint64_t)res->pids_limit, false);
	if (r >= 0 && res->block_io)
		r = plan_io(&p, res->block_io);
	if (r >= 0 && res->network)
		r = ignore(&p, res->network->has_class_id || res->network->n_priorities > 0, "net_cls, net_prio");
	return r < 0 ? r : plan_lists(&p, res);
}

void cgroup_v2_read_now(int dir, struct cgroup_v2_now *ret)
{
	_autofree_ char *text = NULL;
	char *space;

	*ret = (struct cgroup_v2_now)CGROUP_V2_NEW;
	(void)cgroupfs_read_value(dir, "memory.max", &ret->memory_max);
	(void)cgroupfs_read_value(dir, "memory.swap.max", &ret->swap_max);
	if (fd_read_file_at(dir, "cpu.max", CPU_MAX_LENGTH, &text, NULL) < 0)
		return;
	space = strchr(text, ' ');
	if (!space)
		return;
	*space = '\0';
	(void)cgroupfs_parse_value(text, &ret->quota);
	(void)cgroupfs_parse_value(space + 1, &ret->period);
}
