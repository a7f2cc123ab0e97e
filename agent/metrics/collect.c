/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics/collect.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/metrics/parse.h"
#include "lib/fd.h"
#include "lib/mountinfo.h"
#include "lib/sys.h"
#include "lib/utf8.h"

#define FILE_MAX        (1024 * 1024)
#define FILESYSTEMS_MAX 256

struct source {
	const char *family, *help, *path;
	metrics_parse parse;
};

static const struct source of_agent[] = {
	{ "kata_agent_threads", "Threads of the agent.", "stat", metrics_parse_threads },
	{ "kata_agent_total_time", "CPU time of the agent in seconds.", "stat", metrics_parse_total_time },
	{ "kata_agent_total_vm", "Address space of the agent in bytes.", "stat", metrics_parse_total_vm },
	{ "kata_agent_total_rss", "Resident memory of the agent in bytes.", "stat", metrics_parse_total_rss },
	{ "kata_agent_proc_status", "The agent's /proc/PID/status, memory in kB.", "status",
	  metrics_parse_proc_status },
	{ "kata_agent_io_stat", "The agent's /proc/PID/io.", "io", metrics_parse_pairs },
	{ "kata_agent_proc_stat", "Times of the agent in ticks.", "stat", metrics_parse_proc_stat },
};

static const struct source of_guest[] = {
	{ "kata_guest_load", "Load of the guest.", "/proc/loadavg", metrics_parse_load },
	{ "kata_guest_tasks", "Tasks of the guest: running, and all.", "/proc/loadavg", metrics_parse_tasks },
	{ "kata_guest_cpu_time", "CPU times of the guest in ticks.", "/proc/stat", metrics_parse_cpu_time },
	{ "kata_guest_vm_stat", "The guest's /proc/vmstat.", "/proc/vmstat", metrics_parse_pairs },
	{ "kata_guest_netdev_stat", "Network devices of the guest.", "/proc/net/dev", metrics_parse_netdev },
	{ "kata_guest_diskstat", "Disks of the guest.", "/proc/diskstats", metrics_parse_diskstats },
	{ "kata_guest_meminfo", "Memory of the guest in bytes.", "/proc/meminfo", metrics_parse_meminfo },
};

/* A kernel without the file has no such figures. */
static int collect_file(struct metrics *m, const struct source *source, const char *path, struct err *err)
{
	_autofree_ char *text = NULL;
	size_t start = m->out->len;
	int r = fd_read_file_at(AT_FDCWD, path, FILE_MAX, &text, NULL);

	if (r < 0)
		return r == -ENOENT ? 0 : err_set(err, r, "read '%s'", path);
	metrics_begin(m, source->family, "gauge", source->help);
	source->parse(m, text);
	metrics_end(m, start);
	return m->r < 0 ? err_set(err, m->r, "write '%s'", source->family) : 0;
}

static int collect_agent(struct metrics *m, pid_t agent, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(of_agent) && r >= 0; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)agent, of_agent[i].path);
		r = collect_file(m, &of_agent[i], path, err);
	}
	return r;
}

/* --- file systems ------------------------------------------------------------------------------------------------- */

struct filesystems {
	struct metrics *bytes, *inodes;
	dev_t seen[FILESYSTEMS_MAX];
	size_t n;
};

static bool is_wanted(const char *fstype)
{
	static const char *const types[] = { "ext4", "xfs", "btrfs", "vfat", "overlay" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(fstype, types[i]) == 0)
			return true;
	return false;
}

/* One mount for each file system. */
static bool is_new(struct filesystems *f, dev_t device)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->seen[i] == device)
			return false;
	if (f->n == FILESYSTEMS_MAX)
		return false;
	f->seen[f->n++] = device;
	return true;
}

static void figures(struct metrics *m, const struct mountinfo_entry *entry, uint64_t total, uint64_t left,
                    uint64_t unit)
{
	const struct {
		const char *item;
		uint64_t value;
	} rows[] = { { "total", total * unit }, { "used", (total - left) * unit }, { "available", left * unit } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char value[32];

		(void)snprintf(value, sizeof(value), "%llu", (unsigned long long)rows[i].value);
		metrics_sample(m, value,
		               METRICS_LABELS("mount", entry->target, "device", entry->source, "item", rows[i].item));
	}
}

static int add_filesystem(const struct mountinfo_entry *entry, void *arg)
{
	struct filesystems *f = arg;
	_autoclose_ int fd = -EBADF;
	struct statfs fs;
	struct stat st;

	if (!is_wanted(entry->fstype))
		return 0;
	fd = sys_openat(AT_FDCWD, entry->target, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	/* What is covered by another mount, or gone, has no figures. */
	if (fd < 0 || sys_fstatfs(fd, &fs) < 0 || sys_fstatat(fd, "", &st, AT_EMPTY_PATH) < 0)
		return 0;
	if ((fs.f_flags & ST_RDONLY) || !is_new(f, st.st_dev))
		return 0;
	figures(f->bytes, entry, fs.f_blocks, fs.f_bfree, (uint64_t)fs.f_bsize);
	figures(f->inodes, entry, fs.f_files, fs.f_ffree, 1);
	return 0;
}

static int collect_filesystems(struct metrics *m, struct err *err)
{
	_autobuf_ struct buf text = { .max = METRICS_MAX };
	struct metrics inodes = { .out = &text };
	struct filesystems f = { .bytes = m, .inodes = &inodes };
	size_t start = m->out->len;
	int r;

	metrics_begin(m, "kata_guest_filesystem_bytes", "gauge", "Bytes of the guest's file systems.");
	metrics_begin(&inodes, "kata_guest_filesystem_inodes", "gauge", "Inodes of the guest's file systems.");
	r = mountinfo_walk(NULL, add_filesystem, &f, err);
	if (r < 0)
		return r;
	metrics_end(m, start);
	metrics_end(&inodes, 0);
	r = m->r < 0 ? m->r : inodes.r;
	r = r < 0 ? r : buf_add(m->out, text.data, text.len);
	return r < 0 ? err_set(err, r, "write the file systems") : 0;
}

int metrics_collect(pid_t agent, uint64_t scrapes, struct buf *out, struct err *err)
{
	struct metrics m = { .out = out };
	int r;

	metrics_begin(&m, "kata_agent_scrape_count", "counter", "How often these figures were asked for.");
	metrics_number(&m, scrapes, NULL);
	r = m.r < 0 ? err_set(err, m.r, "write the figures") : collect_agent(&m, agent, err);
	for (size_t i = 0; i < ARRAY_SIZE(of_guest) && r >= 0; i++)
		r = collect_file(&m, &of_guest[i], of_guest[i].path, err);
	r = r < 0 ? r : collect_filesystems(&m, err);
	/* A mount point may be called anything; a reply may not. */
	if (r >= 0 && out->len > 0)
		utf8_clean((char *)out->data, out->len);
	return r;
}
