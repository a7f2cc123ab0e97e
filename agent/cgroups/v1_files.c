/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v1_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "lib/cgroupfs.h"
#include "lib/fd.h"

int cgroup_v1_name(const struct cgroup_hierarchy *h, const char *path, const char *file, char *buf)
{
	int n = snprintf(buf, PATH_MAX, "%s%s%s%s", h->dir, path, file ? "/" : "", file ? file : "");

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int name_of(const struct cgroup_at *at, enum cgroup_controller controller, const char *file, char *buf)
{
	const struct cgroup_hierarchy *h = cgroup_hierarchies_find(&at->host->v1, controller);

	return h ? cgroup_v1_name(h, at->path, file, buf) : -ENXIO;
}

int cgroup_v1_open(const struct cgroup_at *at, enum cgroup_controller controller)
{
	char name[PATH_MAX];
	int r = name_of(at, controller, NULL, name);

	return r < 0 ? r : cgroupfs_open(at->root, name);
}

bool cgroup_v1_has(const struct cgroup_at *at, enum cgroup_controller controller)
{
	return cgroup_hierarchies_find(&at->host->v1, controller) != NULL;
}

int cgroup_v1_write(const struct cgroup_at *at, enum cgroup_controller controller, const char *file, const char *text)
{
	char name[PATH_MAX];
	int r = name_of(at, controller, file, name);

	return r < 0 ? r : fd_write_file_at(at->root, name, text);
}

int cgroup_v1_read(const struct cgroup_at *at, enum cgroup_controller controller, const char *file, char **ret)
{
	char name[PATH_MAX];
	int r = name_of(at, controller, file, name);

	return r < 0 ? r : fd_read_file_at(at->root, name, CGROUPFS_FILE_MAX, ret, NULL);
}
