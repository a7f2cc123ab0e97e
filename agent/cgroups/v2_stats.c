/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v2_stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/cgroups/stats_common.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define NS_PER_US    1000
#define HUGETLB_NAME 64

static void find_usec(const char *text, const char *key, uint64_t *ret)
{
	uint64_t usec;

	if (cgroupfs_find(text, key, &usec))
		*ret = usec > UINT64_MAX / NS_PER_US ? UINT64_MAX : usec * NS_PER_US;
}

void cgroup_v2_parse_cpu(const char *text, struct cgroup_stats *ret)
{
	find_usec(text, "usage_usec", &ret->cpu_total);
	find_usec(text, "user_usec", &ret->cpu_user);
	find_usec(text, "system_usec", &ret->cpu_kernel);
	find_usec(text, "throttled_usec", &ret->throttled_time);
	(void)cgroupfs_find(text, "nr_periods", &ret->periods);
	(void)cgroupfs_find(text, "nr_throttled", &ret->throttled_periods);
}

int cgroup_v2_parse_memory(const char *text, struct arena *arena, struct cgroup_stats *ret)
{
	(void)cgroupfs_find(text, "file", &ret->cache);
	(void)cgroupfs_find(text, "kernel", &ret->kernel.usage);
	return cgroup_stats_pairs(text, arena, ret);
}

struct io_line {
	uint64_t major, minor, rbytes, wbytes, rios, wios;
};

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"; a device without figures, or garbage, is false. */
static bool parse_io_line(const char *line, struct io_line *ret)
{
	struct cgroupfs_pair pair;
	bool any = false;
	int used = 0;

	*ret = (struct io_line){ 0 };
	if (sscanf(line, "%" SCNu64 ":%" SCNu64 "%n", &ret->major, &ret->minor, &used) != 2 || line[used] != ' ')
		return false;
	line += used;
	while (cgroupfs_next_word(&line, &pair)) {
		const struct {
			const char *key;
			uint64_t *value;
		} known[] = {
			{ "rbytes", &ret->rbytes },
			{ "wbytes", &ret->wbytes },
			{ "rios", &ret->rios },
			{ "wios", &ret->wios },
		};

		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			if (strlen(known[i].key) != pair.key_len || memcmp(known[i].key, pair.key, pair.key_len) != 0)
				continue;
			*known[i].value = pair.value;
			any = true;
		}
	}
	return any;
}

static void add_io(struct cgroup_io_entry *list, size_t *n, const struct io_line *line, uint64_t read, uint64_t written)
{
	list[(*n)++] = (struct cgroup_io_entry){ line->major, line->minor, "read", read };
	list[(*n)++] = (struct cgroup_io_entry){ line->major, line->minor, "write", written };
}

int cgroup_v2_parse_io(const char *text, struct arena *arena, struct cgroup_stats *ret)
{
	size_t max = cgroup_stats_lines(text), n_bytes = 0, n_ops = 0;
	struct cgroup_io_entry *bytes = arena_array(arena, max, 2 * sizeof(*bytes));
	struct cgroup_io_entry *ops = arena_array(arena, max, 2 * sizeof(*ops));
	struct io_line line;

	if (max > 0 && (!bytes || !ops))
		return -ENOMEM;
	for (size_t i = 0; i < max; i++) {
		if (parse_io_line(text, &line)) {
			add_io(bytes, &n_bytes, &line, line.rbytes, line.wbytes);
			add_io(ops, &n_ops, &line, line.rios, line.wios);
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	ret->io_bytes = bytes;
	ret->n_io_bytes = n_bytes;
	ret->io_ops = ops;
	ret->n_io_ops = n_ops;
	return 0;
}

static int read_usage(int dir, const char *prefix, const char *failed, struct cgroup_memory_usage *ret)
{
	char current[HUGETLB_NAME], peak[HUGETLB_NAME], max[HUGETLB_NAME], events[HUGETLB_NAME];
	_autofree_ char *text = NULL;
	int r;

	(void)snprintf(current, sizeof(current), "%s.current", prefix);
	(void)snprintf(peak, sizeof(peak), "%s.peak", prefix);
	(void)snprintf(max, sizeof(max), "%s.max", prefix);
	(void)snprintf(events, sizeof(events), "%s.events", prefix);
	r = cgroup_stats_number(dir, current, &ret->usage);
	r = r < 0 ? r : cgroup_stats_number(dir, peak, &ret->max_usage);
	r = r < 0 ? r : cgroup_stats_number(dir, max, &ret->limit);
	r = r < 0 ? r : cgroup_stats_text(dir, events, &text);
	if (r >= 0 && text)
		(void)cgroupfs_find(text, failed, &ret->failcnt);
	return r;
}

static int read_hugetlb(int dir, const char *prefix, struct cgroup_memory_usage *ret)
{
	return read_usage(dir, prefix, "max", ret);
}

static int read_memory(int dir, struct arena *arena, struct cgroup_stats *ret)
{
	_autofree_ char *stat = NULL;
	_autofree_ char *events = NULL;
	int r = read_usage(dir, "memory", "max", &ret->memory);

	r = r < 0 ? r : read_usage(dir, "memory.swap", "fail", &ret->swap);
	r = r < 0 ? r : cgroup_stats_text(dir, "memory.stat", &stat);
	r = r < 0 ? r : cgroup_stats_text(dir, "memory.events", &events);
	if (r < 0)
		return r;
	if (events)
		(void)cgroupfs_find(events, "oom_kill", &ret->oom_kills);
	if (!stat)
		return 0;
	ret->kernel.limit = UINT64_MAX; /* v2 has no limit of its own for it */
	return cgroup_v2_parse_memory(stat, arena, ret);
}

static int read_pids(int dir, struct cgroup_stats *ret)
{
	int r = cgroup_stats_number(dir, "pids.current", &ret->pids_current);

	r = r < 0 ? r : cgroup_stats_number(dir, "pids.max", &ret->pids_limit);
	if (ret->pids_limit == UINT64_MAX)
		ret->pids_limit = 0;
	return r;
}

int cgroup_v2_stats(const struct cgroup_at *at, struct arena *arena, struct cgroup_stats *ret)
{
	_autoclose_ int dir = cgroupfs_open(at->root, at->path);
	_autofree_ char *cpu = NULL;
	_autofree_ char *io = NULL;
	int r = dir < 0 ? dir : cgroup_stats_text(dir, "cpu.stat", &cpu);

	if (r < 0)
		return r;
	if (cpu)
		cgroup_v2_parse_cpu(cpu, ret);
	r = read_memory(dir, arena, ret);
	r = r < 0 ? r : read_pids(dir, ret);
	r = r < 0 ? r : cgroup_stats_text(dir, "io.stat", &io);
	if (r >= 0 && io)
		r = cgroup_v2_parse_io(io, arena, ret);
	return r < 0 ? r : cgroup_stats_hugetlb(dir, ".current", read_hugetlb, arena, ret);
}
