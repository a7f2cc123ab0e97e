/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v1_stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cgroups/stats_common.h"
#include "agent/cgroups/v1_files.h"
#include "agent/cgroups/v1_freezer.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"

#define NS_PER_TICK UINT64_C(10000000) /* USER_HZ is 100 everywhere */
#define NAME_BYTES  64

static void find_ticks(const char *text, const char *key, uint64_t *ret)
{
	uint64_t ticks;

	if (cgroupfs_find(text, key, &ticks))
		*ret = ticks > UINT64_MAX / NS_PER_TICK ? UINT64_MAX : ticks * NS_PER_TICK;
}

void cgroup_v1_parse_cpuacct(const char *text, struct cgroup_stats *ret)
{
	find_ticks(text, "user", &ret->cpu_user);
	find_ticks(text, "system", &ret->cpu_kernel);
}

int cgroup_v1_parse_per_cpu(const char *text, struct arena *arena, struct cgroup_stats *ret)
{
	size_t max = 0, n = 0;
	uint64_t *list;

	for (const char *p = text; *p; p++)
		max += *p == ' ' || *p == '\n';
	max = (max < CGROUP_STATS_MAX ? max : CGROUP_STATS_MAX) + 1;
	list = arena_array(arena, max, sizeof(*list));
	if (!list)
		return -ENOMEM;
	while (n < max) {
		char *end;

		text += strspn(text, " \n");
		if (*text < '0' || *text > '9')
			break;
		list[n++] = strtoull(text, &end, 10);
		text = end;
	}
	ret->per_cpu = list;
	ret->n_per_cpu = n;
	return 0;
}

int cgroup_v1_parse_io(const char *text, struct arena *arena, struct cgroup_io_entry **ret, size_t *ret_n)
{
	size_t max = 0, n = 0;
	struct cgroup_io_entry *list;

	for (const char *p = text; *p && max < CGROUP_STATS_MAX; p++)
		max += *p == '\n';
	list = arena_array(arena, max + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	while (*text && n <= max) {
		struct cgroup_io_entry e = { 0 };
		char op[17];

		if (sscanf(text, "%" SCNu64 ":%" SCNu64 " %16[A-Za-z] %" SCNu64, &e.major, &e.minor, op, &e.value) ==
		    4) {
			e.op = arena_strdup(arena, op);
			if (!e.op)
				return -ENOMEM;
			list[n++] = e;
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

/* Directory of the controller; 0 and no fd where it is not mounted or has no such cgroup. */
static int open_dir(const struct cgroup_at *at, enum cgroup_controller controller, int *ret)
{
	int dir = cgroup_v1_open(at, controller);

	if (dir == -ENXIO || dir == -ENOENT)
		return 0;
	if (dir < 0)
		return dir;
	*ret = dir;
	return 1;
}

static int read_throttled(const struct cgroup_at *at, struct cgroup_stats *ret)
{
	_autoclose_ int dir = -EBADF;
	_autofree_ char *text = NULL;
	int r = open_dir(at, CGROUP_CPU, &dir);

	r = r <= 0 ? r : cgroup_stats_text(dir, "cpu.stat", &text);
	if (r < 0 || !text)
		return r;
	(void)cgroupfs_find(text, "nr_periods", &ret->periods);
	(void)cgroupfs_find(text, "nr_throttled", &ret->throttled_periods);
	(void)cgroupfs_find(text, "throttled_time", &ret->throttled_time);
	return 0;
}

static int read_cpu(const struct cgroup_at *at, struct arena *arena, struct cgroup_stats *ret)
{
	_autoclose_ int dir = -EBADF;
	_autofree_ char *stat = NULL;
	_autofree_ char *per_cpu = NULL;
	int r = open_dir(at, CGROUP_CPUACCT, &dir);

	if (r <= 0)
		return r;
	r = cgroup_stats_number(dir, "cpuacct.usage", &ret->cpu_total);
	r = r < 0 ? r : cgroup_stats_text(dir, "cpuacct.stat", &stat);
	r = r < 0 ? r : cgroup_stats_text(dir, "cpuacct.usage_percpu", &per_cpu);
	if (r < 0)
		return r;
	if (stat)
		cgroup_v1_parse_cpuacct(stat, ret);
	return per_cpu ? cgroup_v1_parse_per_cpu(per_cpu, arena, ret) : 0;
}

static int read_usage(int dir, const char *prefix, struct cgroup_memory_usage *ret)
{
	const struct {
		const char *suffix;
		uint64_t *value;
	} files[] = {
		{ "usage_in_bytes", &ret->usage },
		{ "max_usage_in_bytes", &ret->max_usage },
		{ "failcnt", &ret->failcnt },
		{ "limit_in_bytes", &ret->limit },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && r >= 0; i++) {
		char name[NAME_BYTES];

		(void)snprintf(name, sizeof(name), "%s.%s", prefix, files[i].suffix);
		r = cgroup_stats_number(dir, name, files[i].value);
	}
	return r;
}

static int read_memory(const struct cgroup_at *at, struct arena *arena, struct cgroup_stats *ret)
{
	_autoclose_ int dir = -EBADF;
	_autofree_ char *stat = NULL;
	_autofree_ char *oom = NULL;
	int r = open_dir(at, CGROUP_MEMORY, &dir);

	if (r <= 0)
		return r;
	r = read_usage(dir, "memory", &ret->memory);
	r = r < 0 ? r : read_usage(dir, "memory.memsw", &ret->swap);
	r = r < 0 ? r : read_usage(dir, "memory.kmem", &ret->kernel);
	r = r < 0 ? r : cgroup_stats_text(dir, "memory.oom_control", &oom);
	r = r < 0 ? r : cgroup_stats_text(dir, "memory.stat", &stat);
	if (r < 0)
		return r;
	if (oom)
		(void)cgroupfs_find(oom, "oom_kill", &ret->oom_kills);
	if (!stat)
		return 0;
	(void)cgroupfs_find(stat, "cache", &ret->cache);
	return cgroup_stats_pairs(stat, arena, ret);
}

static int read_pids(const struct cgroup_at *at, struct cgroup_stats *ret)
{
	_autoclose_ int dir = -EBADF;
	int r = open_dir(at, CGROUP_PIDS, &dir);

	if (r <= 0)
		return r;
	r = cgroup_stats_number(dir, "pids.current", &ret->pids_current);
	r = r < 0 ? r : cgroup_stats_number(dir, "pids.max", &ret->pids_limit);
	if (ret->pids_limit == UINT64_MAX)
		ret->pids_limit = 0;
	return r;
}

/* With BFQ the requests are counted there, else by the throttle; sums over sub-cgroups came with 5.0. */
static int read_io_list(int dir, const char *what, struct arena *arena, struct cgroup_io_entry **ret, size_t *ret_n)
{
	static const struct {
		const char *prefix, *suffix;
	} forms[] = { { "bfq", "_recursive" }, { "throttle", "_recursive" }, { "throttle", "" } };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(forms) && r >= 0 && *ret_n == 0; i++) {
		_autofree_ char *text = NULL;
		char file[NAME_BYTES];

		(void)snprintf(file, sizeof(file), "blkio.%s.%s%s", forms[i].prefix, what, forms[i].suffix);
		r = cgroup_stats_text(dir, file, &text);
		if (r >= 0 && text)
			r = cgroup_v1_parse_io(text, arena, ret, ret_n);
	}
	return r;
}

static int read_io(const struct cgroup_at *at, struct arena *arena, struct cgroup_stats *ret)
{
	_autoclose_ int dir = -EBADF;
	int r = open_dir(at, CGROUP_BLKIO, &dir);

	if (r <= 0)
		return r;
	r = read_io_list(dir, "io_service_bytes", arena, &ret->io_bytes, &ret->n_io_bytes);
	return r < 0 ? r : read_io_list(dir, "io_serviced", arena, &ret->io_ops, &ret->n_io_ops);
}

static int read_hugetlb(const struct cgroup_at *at, struct arena *arena, struct cgroup_stats *ret)
{
	_autoclose_ int dir = -EBADF;
	int r = open_dir(at, CGROUP_HUGETLB, &dir);

	return r <= 0 ? r : cgroup_stats_hugetlb(dir, ".usage_in_bytes", read_usage, arena, ret);
}

int cgroup_v1_stats(const struct cgroup_at *at, struct arena *arena, struct cgroup_stats *ret)
{
	_autoclose_ int dir = cgroup_v1_open_tracker(at);
	int r = dir < 0 ? dir : read_cpu(at, arena, ret);

	r = r < 0 ? r : read_throttled(at, ret);
	r = r < 0 ? r : read_memory(at, arena, ret);
	r = r < 0 ? r : read_pids(at, ret);
	r = r < 0 ? r : read_io(at, arena, ret);
	return r < 0 ? r : read_hugetlb(at, arena, ret);
}
