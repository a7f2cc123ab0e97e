/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v1_cpuset.h"

#include <errno.h>
#include <string.h>

#include "agent/cgroups/v1_files.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define LIST_MAX 65536

static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };

static bool is_empty(const char *text)
{
	return *text == '\0' || *text == '\n';
}

static int inherit_file(int parent, int dir, const char *file)
{
	_autofree_ char *own = NULL;
	_autofree_ char *above = NULL;
	int r = fd_read_file_at(dir, file, LIST_MAX, &own, NULL);

	if (r < 0 || !is_empty(own))
		return r;
	r = fd_read_file_at(parent, file, LIST_MAX, &above, NULL);
	return r < 0 || is_empty(above) ? r : fd_write_file_at(dir, file, above);
}

int cgroup_v1_cpuset_inherit(int parent, int dir)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && r >= 0; i++)
		r = inherit_file(parent, dir, files[i]);
	return r;
}

/* Writing makes the kernel finish with what was plugged; what the root had before that may have been too little. */
static int copy_file(int root, int dir, const char *file)
{
	_autofree_ char *before = NULL;
	_autofree_ char *after = NULL;
	int r = fd_read_file_at(root, file, LIST_MAX, &before, NULL);

	r = r < 0 ? r : fd_write_file_at(dir, file, before);
	r = r < 0 ? r : fd_read_file_at(root, file, LIST_MAX, &after, NULL);
	return r < 0 || strcmp(before, after) == 0 ? r : fd_write_file_at(dir, file, after);
}

static int follow_file(int root, int dir, const char *file, const char *wanted)
{
	return wanted && *wanted ? fd_write_file_at(dir, file, wanted) : copy_file(root, dir, file);
}

int cgroup_v1_follow_cpus(const struct cgroup_at *at, const struct oci_cpu *cpu, struct err *err)
{
	const struct cgroup_hierarchy *h = cgroup_hierarchies_find(&at->host->v1, CGROUP_CPUSET);
	_autoclose_ int root = h ? cgroupfs_open(at->root, h->dir) : -ENOENT;
	_autofree_ char *path = strdup(at->path);
	int r = 0;

	if (!h)
		return 0;
	if (root < 0 || !path)
		return err_set(err, path ? root : -ENOMEM, "give new CPUs to cgroup '%s'", at->path);
	for (char *end = path; end && r >= 0;) {
		_autoclose_ int dir = -EBADF;

		end = strchr(end + 1, '/');
		if (end)
			*end = '\0';
		dir = cgroupfs_open(root, path);
		r = dir < 0 ? dir : follow_file(root, dir, files[0], end || !cpu ? NULL : cpu->cpus);
		r = r < 0 ? r : follow_file(root, dir, files[1], end || !cpu ? NULL : cpu->mems);
		if (r < 0)
			return err_set(err, r, "give new CPUs to cgroup '%s'", path);
		if (end)
			*end = '/';
	}
	return 0;
}
