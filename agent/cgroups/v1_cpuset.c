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

/* A container's own list, from the specification or a later update, is not its parent's: it stays. */
static int follow_leaf(int root, int dir, const char *file, const char *wanted, const char *above)
{
	_autofree_ char *own = NULL;
	int r = fd_read_file_at(dir, file, LIST_MAX, &own, NULL);

	if (r < 0 || (wanted && *wanted) || (above && strcmp(own, above) != 0))
		return r;
	return copy_file(root, dir, file);
}

/* One of the two files in every cgroup of the path, from above. */
static int follow(const struct cgroup_at *at, int root, const char *file, const char *wanted)
{
	_autofree_ char *path = strdup(at->path);
	_autofree_ char *above = NULL; /* what the parent had */
	int r = path ? 0 : -ENOMEM;

	for (char *end = path; end && r >= 0;) {
		_autoclose_ int dir = -EBADF;
		char *before = NULL;

		end = strchr(end + 1, '/');
		if (end)
			*end = '\0';
		dir = cgroupfs_open(root, path);
		r = dir < 0 ? dir : fd_read_file_at(dir, file, LIST_MAX, &before, NULL);
		if (r >= 0)
			r = end ? copy_file(root, dir, file) : follow_leaf(root, dir, file, wanted, above);
		free(above);
		above = before;
		if (end)
			*end = '/';
	}
	return r;
}

int cgroup_v1_follow_cpus(const struct cgroup_at *at, const struct oci_cpu *cpu, struct err *err)
{
	const struct cgroup_hierarchy *h = cgroup_hierarchies_find(&at->host->v1, CGROUP_CPUSET);
	_autoclose_ int root = h ? cgroupfs_open(at->root, h->dir) : -ENOENT;
	int r = root;

	if (!h)
		return 0;
	r = r < 0 ? r : follow(at, root, files[0], cpu ? cpu->cpus : NULL);
	r = r < 0 ? r : follow(at, root, files[1], cpu ? cpu->mems : NULL);
	return r < 0 ? err_set(err, r, "give new CPUs to cgroup '%s'", at->path) : 0;
}
