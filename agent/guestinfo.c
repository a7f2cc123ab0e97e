/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guestinfo.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/mountinfo.h"
#include "lib/sys.h"

#define TEXT_MAX         (1024 * 1024)
#define CGROUP_DEPTH_MAX 32
#define PF_KTHREAD       0x00200000 /* the kernel's, in the flags of /proc/PID/stat */

static bool is_number(const char *name)
{
	return isdigit((unsigned char)name[0]);
}

/* Entries of a directory whose name starts with a digit. */
static int count_numbers(const char *path)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int n = 0, r = fd_opendir(AT_FDCWD, path, O_NOFOLLOW, &dir);

	if (r < 0)
		return r;
	while ((r = sys_readdir(dir, &entry)) == 1)
		n += is_number(entry->d_name);
	return r < 0 ? r : n;
}

/* Field 9 of /proc/PID/stat; the command name before it may hold anything. */
static bool is_kernel_thread(const char *stat)
{
	const char *end = strrchr(stat, ')');
	unsigned flags = 0;

	return end && sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & PF_KTHREAD);
}

/* Processes and zombies, without the kernel's threads, which come and go as they like. */
static int count_processes(void)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int n = 0, r = fd_opendir(AT_FDCWD, "/proc", O_NOFOLLOW, &dir);

	if (r < 0)
		return r;
	while ((r = sys_readdir(dir, &entry)) == 1) {
		_autofree_ char *stat = NULL;
		char path[sizeof(entry->d_name) + 8];

		if (!is_number(entry->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "%s/stat", entry->d_name);
		if (fd_read_file_at(dirfd(dir), path, TEXT_MAX, &stat, NULL) == 0)
			n += !is_kernel_thread(stat);
	}
	return r < 0 ? r : n;
}

/* Directories below; one that vanishes meanwhile does not count. */
static int count_directories(int parent, const char *name, int depth)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int n = 0, r = depth > 0 ? fd_opendir(parent, name, O_NOFOLLOW, &dir) : -ELOOP;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	while ((r = sys_readdir(dir, &entry)) == 1) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		r = count_directories(dirfd(dir), entry->d_name, depth - 1);
		if (r < 0)
			return r;
		n += 1 + r;
	}
	return r < 0 ? r : n;
}

/* The number behind "Key:" at the start of a line, in kB; 0 if there is none. */
static unsigned long find_kb(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, key, len) == 0 && line[len] == ':')
			return strtoul(line + len + 1, NULL, 10);
	return 0;
}

static int write_memory(pid_t agent, struct buf *out, struct err *err)
{
	_autofree_ char *rollup = NULL, *meminfo = NULL;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)agent);
	r = fd_read_file_at(AT_FDCWD, path, TEXT_MAX, &rollup, NULL);
	if (r < 0)
		return err_set(err, r, "read '%s'", path);
	r = fd_read_file_at(AT_FDCWD, "/proc/meminfo", TEXT_MAX, &meminfo, NULL);
	if (r < 0)
		return err_set(err, r, "read '/proc/meminfo'");
	return buf_printf(
		out, ",\"rss_kb\":%lu,\"pss_kb\":%lu,\"anonymous_kb\":%lu,\"mem_total_kb\":%lu,\"mem_used_kb\":%lu",
		find_kb(rollup, "Rss"), find_kb(rollup, "Pss"), find_kb(rollup, "Anonymous"),
		find_kb(meminfo, "MemTotal"), find_kb(meminfo, "MemTotal") - find_kb(meminfo, "MemAvailable"));
}

int guestinfo_write(pid_t agent, const char *cgroup_root, struct buf *out, struct err *err)
{
	char path[64];
	int fds, mounts, processes, cgroups, r;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)agent);
	fds = count_numbers(path);
	if (fds < 0)
		return err_set(err, fds, "count '%s'", path);
	mounts = mountinfo_count("/");
	if (mounts < 0)
		return err_set(err, mounts, "count mounts");
	processes = count_processes();
	if (processes < 0)
		return err_set(err, processes, "count processes");
	cgroups = count_directories(AT_FDCWD, cgroup_root, CGROUP_DEPTH_MAX);
	if (cgroups < 0)
		return err_set(err, cgroups, "count cgroups below '%s'", cgroup_root);
	r = buf_printf(out, "{\"fds\":%d,\"mounts\":%d,\"processes\":%d,\"cgroups\":%d", fds, mounts, processes,
	               cgroups);
	if (r >= 0)
		r = write_memory(agent, out, err);
	if (r >= 0)
		r = buf_add(out, "}", 1);
	return r;
}
