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

/* One of the two files in every cgroup of the path, from above; the last only if it is not to stay. */
static int follow(const struct cgroup_at *at, int root, const char *file, bool stays)
{
	_autofree_ char *path = strdup(at->path);
	int r = path ? 0 : -ENOMEM;

	for (char *end = path; end && r >= 0;) {
		_autoclose_ int dir = -EBADF;

		end = strchr(end + 1, '/');
		if (!end && stays)
			break;
		if (end)
			*end = '\0';
		dir = cgroupfs_open(root, path);
		r = dir < 0 ? dir : copy_file(root, dir, file);
		if (end)
			*end = '/';
	}
	return r;
}

static int open_root(const struct cgroup_at *at)
{
	const struct cgroup_hierarchy *h = cgroup_hierarchies_find(&at->host->v1, CGROUP_CPUSET);

	return h ? cgroupfs_open(at->root, h->dir) : -ENODEV;
}

static bool differs(int dir, int parent, const char *file)
{
	_autofree_ char *own = NULL;
	_autofree_ char *above = NULL;

	return fd_read_file_at(dir, file, LIST_MAX, &own, NULL) == 0 &&
	       fd_read_file_at(parent, file, LIST_MAX, &above, NULL) == 0 && strcmp(own, above) != 0;
}

/* A list from the specification or a later update. */
unsigned cgroup_v1_find_own_cpus(const struct cgroup_at *at)
{
	_autofree_ char *path = strdup(at->path);
	char *slash = path ? strrchr(path, '/') : NULL;
	_autoclose_ int root = open_root(at), dir = -EBADF, parent = -EBADF;
	unsigned own = 0;

	if (root < 0 || !slash)
		return 0;
	dir = cgroupfs_open(root, path);
	*slash = '\0';
	parent = slash == path ? cgroupfs_open(root, "/") : cgroupfs_open(root, path);
	for (size_t i = 0; i < ARRAY_SIZE(files) && dir >= 0 && parent >= 0; i++)
		own |= differs(dir, parent, files[i]) ? 1u << i : 0;
	return own;
}

int cgroup_v1_follow_cpus(const struct cgroup_at *at, const struct oci_cpu *cpu, unsigned own, struct err *err)
{
	const char *const wanted[] = { cpu ? cpu->cpus : NULL, cpu ? cpu->mems : NULL };
	_autoclose_ int root = open_root(at);
	int r = root;

	if (root == -ENODEV)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(files) && r >= 0; i++)
		r = follow(at, root, files[i], (wanted[i] && *wanted[i]) || own & 1u << i);
	return r < 0 ? err_set(err, r, "give new CPUs to cgroup '%s'", at->path) : 0;
}
