/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define NANOSECONDS   1000000000
#define IO_CLASS_BITS 13
#define IO_LEVELS     8

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

struct word {
	const char *name;
	uint32_t value;
};

static const struct word policies[] = {
	{ "SCHED_OTHER", 0 }, { "SCHED_FIFO", 1 }, { "SCHED_RR", 2 },       { "SCHED_BATCH", 3 },
	{ "SCHED_ISO", 4 },   { "SCHED_IDLE", 5 }, { "SCHED_DEADLINE", 6 },
};

static const struct word policy_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};

static const struct word io_classes[] = {
	{ "IOPRIO_CLASS_RT", 1 },
	{ "IOPRIO_CLASS_BE", 2 },
	{ "IOPRIO_CLASS_IDLE", 3 },
};

static const struct word domains[] = {
	{ "LINUX", PER_LINUX },
	{ "LINUX32", PER_LINUX32 },
};

static int find(const struct word *words, size_t n, const char *member, const char *name, uint32_t *ret,
                struct err *err)
{
	for (size_t i = 0; name && i < n; i++)
		if (strcmp(words[i].name, name) == 0) {
			*ret = words[i].value;
			return 0;
		}
	return err_say(err, EINVAL, "%s: unknown value '%s'", member, name ? name : "");
}

static int find_scheduler(const struct oci_scheduler *s, struct sys_sched_attr *ret, struct err *err)
{
	struct sys_sched_attr attr = {
		.size = sizeof(attr),
		.nice = s->nice,
		.priority = (uint32_t)s->priority,
		.runtime = s->runtime,
		.deadline = s->deadline,
		.period = s->period,
	};
	int r = find(policies, ARRAY_SIZE(policies), "process.scheduler.policy", s->policy, &attr.policy, err);

	for (size_t i = 0; r == 0 && i < s->flags.n; i++) {
		uint32_t flag = 0;

		r = find(policy_flags, ARRAY_SIZE(policy_flags), "process.scheduler.flags", s->flags.v[i], &flag, err);
		attr.flags |= flag;
	}
	if (r == 0)
		*ret = attr;
	return r;
}

static int find_io_priority(const struct oci_io_priority *p, int *ret, struct err *err)
{
	uint32_t class = 0;
	int r = find(io_classes, ARRAY_SIZE(io_classes), "process.ioPriority.class", p->io_class, &class, err);

	if (r < 0)
		return r;
	if (p->priority < 0 || p->priority >= IO_LEVELS)
		return err_say(err, EINVAL, "process.ioPriority.priority '%d' is not between 0 and %d", p->priority,
		               IO_LEVELS - 1);
	*ret = (int)(class << IO_CLASS_BITS) | p->priority;
	return 0;
}

/* A number at *at, which moves behind it; -EINVAL if there is none, or no such CPU. */
static int parse_cpu(const char **at)
{
	char *end;
	unsigned long n;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	n = strtoul(*at, &end, 10);
	*at = end;
	return n < ATTRIBUTES_CPUS_MAX ? (int)n : -EINVAL;
}

static int parse_cpus(const char *list, unsigned char mask[ATTRIBUTES_CPUS_MAX / 8])
{
	for (const char *at = list;;) {
		int first = parse_cpu(&at), last = first;

		if (first >= 0 && *at == '-') {
			at++;
			last = parse_cpu(&at);
		}
		if (first < 0 || last < first)
			return -EINVAL;
		for (int cpu = first; cpu <= last; cpu++)
			mask[cpu / 8] |= (unsigned char)(1 << cpu % 8);
		if (*at == '\0')
			return 0;
		if (*at++ != ',')
			return -EINVAL;
	}
}

static int check_cpus(const char *list, const char *member, struct err *err)
{
	unsigned char mask[ATTRIBUTES_CPUS_MAX / 8] = { 0 };

	if (list && list[0] != '\0' && parse_cpus(list, mask) < 0)
		return err_say(err, EINVAL, "process.execCPUAffinity.%s '%s' is no list of CPUs", member, list);
	return 0;
}

int attributes_check_process(const struct oci_process *process, struct err *err)
{
	struct sys_sched_attr attr;
	int io, r = 0;

	if (process->scheduler)
		r = find_scheduler(process->scheduler, &attr, err);
	if (r == 0 && process->io_priority)
		r = find_io_priority(process->io_priority, &io, err);
	if (r == 0 && process->exec_affinity)
		r = check_cpus(process->exec_affinity->initial, "initial", err);
	if (r == 0 && process->exec_affinity)
		r = check_cpus(process->exec_affinity->final, "final", err);
	return r;
}

static int check_offset(const struct oci_time_offset *offset, const char *clock, struct err *err)
{
	if (offset && offset->nanosecs >= NANOSECONDS)
		return err_say(err, EINVAL, "linux.timeOffsets.%s.nanosecs '%" PRIu32 "' is a second or more", clock,
		               offset->nanosecs);
	return 0;
}

static int check_offsets(const struct oci_linux *lin, struct err *err)
{
	const struct oci_namespace *ns = oci_find_namespace(lin, CLONE_NEWTIME);
	const struct oci_time_offsets *o = lin->time_offsets;
	int r;

	if (!o || (!o->monotonic && !o->boottime))
		return 0;
	if (!ns || (ns->path && ns->path[0] != '\0'))
		return err_say(err, EINVAL, "linux.timeOffsets needs a new time namespace");
	r = check_offset(o->monotonic, "monotonic", err);
	return r < 0 ? r : check_offset(o->boottime, "boottime", err);
}

int attributes_check_linux(const struct oci_linux *lin, struct err *err)
{
	uint32_t domain;
	int r = 0;

	if (lin->personality)
		r = find(domains, ARRAY_SIZE(domains), "linux.personality.domain", lin->personality->domain, &domain,
		         err);
	if (r == 0 && lin->personality && lin->personality->flags.n > 0)
		r = err_say(err, EINVAL, "linux.personality.flags: unknown value '%s'", lin->personality->flags.v[0]);
	return r < 0 ? r : check_offsets(lin, err);
}

/* --- applying ----------------------------------------------------------------------------------------------------- */

static int set_scheduler(const struct oci_scheduler *scheduler, struct err *err)
{
	struct sys_sched_attr attr = { 0 };
	int r = find_scheduler(scheduler, &attr, err);

	if (r < 0)
		return r;
	r = sys_sched_setattr(&attr);
	return r < 0 ? err_set(err, r, "set scheduler '%s'", scheduler->policy) : 0;
}

static int set_io_priority(const struct oci_io_priority *priority, struct err *err)
{
	int value = 0, r = find_io_priority(priority, &value, err);

	if (r < 0)
		return r;
	r = sys_ioprio_set(value);
	return r < 0 ? err_set(err, r, "set I/O priority '%s' %d", priority->io_class, priority->priority) : 0;
}

static int set_personality(const struct oci_personality *personality, struct err *err)
{
	uint32_t domain = 0;
	int r = find(domains, ARRAY_SIZE(domains), "linux.personality.domain", personality->domain, &domain, err);

	if (r < 0)
		return r;
	r = sys_personality(domain);
	return r < 0 ? err_set(err, r, "set personality '%s'", personality->domain) : 0;
}

int attributes_apply(const struct oci_process *process, const struct oci_linux *lin, struct err *err)
{
	int r = 0;

	if (process->scheduler)
		r = set_scheduler(process->scheduler, err);
	if (r == 0 && process->io_priority)
		r = set_io_priority(process->io_priority, err);
	if (r == 0 && lin->personality)
		r = set_personality(lin->personality, err);
	return r;
}

int attributes_set_affinity(const char *cpus, struct err *err)
{
	unsigned char mask[ATTRIBUTES_CPUS_MAX / 8] = { 0 };
	int r;

	if (!cpus || cpus[0] == '\0')
		return 0;
	r = parse_cpus(cpus, mask);
	if (r == 0)
		r = sys_sched_setaffinity(mask, sizeof(mask));
	return r < 0 ? err_set(err, r, "run on CPUs '%s'", cpus) : 0;
}

static int add_offset(struct buf *text, const char *clock, const struct oci_time_offset *offset)
{
	return offset ? buf_printf(text, "%s %" PRId64 " %" PRIu32 "\n", clock, offset->secs, offset->nanosecs) : 0;
}

int attributes_make_timens(int proc, const struct oci_time_offsets *offsets, struct err *err)
{
	_autobuf_ struct buf text = BUF_INIT;
	int r = sys_unshare(CLONE_NEWTIME);

	if (r < 0)
		return err_set(err, r, "make a time namespace");
	if (!offsets || (!offsets->monotonic && !offsets->boottime))
		return 0;
	r = add_offset(&text, "monotonic", offsets->monotonic);
	r = r < 0 ? r : add_offset(&text, "boottime", offsets->boottime);
	r = r < 0 ? r
	          : fd_write_file_at(proc, proc == AT_FDCWD ? "/proc/self/timens_offsets" : "self/timens_offsets",
	                             buf_str(&text));
	return r < 0 ? err_set(err, r, "set the offsets of the time namespace") : 0;
}
