/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "agent/mount/fsmount.h"
#include "agent/mount/plan.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "lib/userns.h"

#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif

/* Before the tree is attached anywhere, as the kernel wants it. */
static int map_ids(const struct plan_source *source, int tree, struct err *err)
{
	struct sys_mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	_autoclose_ int userns = -EBADF;
	int r;

	if (!source->uids)
		return 0;
	userns = userns_open(source->uids, source->gids, err);
	if (userns < 0)
		return err_wrap(err, "map the ids of '%s' for '%s'", source->path, source->target);
	attr.userns_fd = (uint64_t)userns;
	r = sys_mount_setattr(tree, "", AT_EMPTY_PATH | (source->idmap_tree ? AT_RECURSIVE : 0U), &attr);
	if (r == -EINVAL)
		return err_say(err, EINVAL,
		               "map the ids of '%s' for '%s': its file system cannot do that, or does already",
		               source->path, source->target);
	return r < 0 ? err_set(err, r, "map the ids of '%s' for '%s'", source->path, source->target) : 0;
}

/* Resolved once, by the kernel; what a rename does to the name afterwards no longer matters. */
static int open_source(const struct plan_source *source, bool is_root, int *ret, struct err *err)
{
	uint64_t flags = O_PATH | O_CLOEXEC | (is_root ? O_DIRECTORY : 0);
	_autoclose_ int fd = sys_openat2(AT_FDCWD, source->path, flags, 0, RESOLVE_NO_MAGICLINKS);
	int tree, r;

	if (fd < 0)
		return is_root ? err_set(err, fd, "open the rootfs '%s'", source->path)
		               : err_set(err, fd, "bind '%s' on '%s'", source->path, source->target);
	tree = mount_clone(fd, source->tree);
	if (tree < 0)
		return err_set(err, tree, "clone '%s' for '%s'", source->path, source->target);
	r = map_ids(source, tree, err);
	if (r < 0) {
		(void)fd_close(tree);
		return r;
	}
	*ret = tree;
	return 0;
}

int rootfs_open_sources(const struct rootfs_plan *plan, struct rootfs_sources *ret, struct err *err)
{
	struct rootfs_sources sources = { .fds = calloc(plan->n_sources, sizeof(int)) };
	int r = sources.fds ? 0 : err_set(err, ENOMEM, "open the sources of a rootfs");

	while (r >= 0 && sources.n < plan->n_sources) {
		sources.fds[sources.n] = -EBADF;
		if (!plan->sources[sources.n].fstype)
			r = open_source(&plan->sources[sources.n], sources.n == 0, &sources.fds[sources.n], err);
		sources.n += r >= 0;
	}
	if (r < 0) {
		rootfs_close_sources(&sources);
		return r;
	}
	*ret = sources;
	return 0;
}

int rootfs_make_sources(const struct rootfs_plan *plan, struct rootfs_sources *sources, struct err *err)
{
	for (size_t i = 0; i < sources->n; i++) {
		const struct plan_source *source = &plan->sources[i];
		const struct mount_what what = { source->fstype, source->path, source->target, source->options };

		if (!source->fstype)
			continue;
		sources->fds[i] = mount_fs_new(&what, err);
		if (sources->fds[i] < 0)
			return sources->fds[i];
	}
	return 0;
}

void rootfs_close_sources(struct rootfs_sources *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		(void)fd_close(sources->fds[i]);
	free(sources->fds);
	sources->fds = NULL;
	sources->n = 0;
}
