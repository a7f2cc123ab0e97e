/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/holdings.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

static int count_entries(const char *path, bool deep)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char below[PATH_MAX];
	int n = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || (deep && entry->d_type != DT_DIR))
			continue;
		n++;
		(void)snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		n += deep ? count_entries(below, true) : 0;
	}
	(void)closedir(dir);
	return n;
}

static int count_bytes(const char *path, char byte)
{
	FILE *file = fopen(path, "re");
	int c, n = 0;

	if (!file)
		return -1;
	while ((c = getc(file)) != EOF)
		n += c == byte;
	(void)fclose(file);
	return n;
}

struct holdings holdings_count(pid_t agent, const char *cgroup)
{
	char fds[64], mounts[64], children[96], files[96];

	(void)snprintf(fds, sizeof(fds), "/proc/%d/fd", (int)agent);
	(void)snprintf(mounts, sizeof(mounts), "/proc/%d/mountinfo", (int)agent);
	(void)snprintf(children, sizeof(children), "/proc/%d/task/%d/children", (int)agent, (int)agent);
	(void)snprintf(files, sizeof(files), "/proc/%d/root/run/kata-containers", (int)agent);
	return (struct holdings){ count_entries(fds, false), count_bytes(mounts, '\n'), count_bytes(children, ' '),
		                  count_entries(cgroup, true), count_entries(files, false) };
}

bool holdings_are_same(const struct holdings *a, const struct holdings *b)
{
	return a->fds == b->fds && a->mounts == b->mounts && a->children == b->children && a->cgroups == b->cgroups &&
	       a->files == b->files;
}
