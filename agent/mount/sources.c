/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "agent/mount/fsmount.h"
#include "agent/mount/plan.h"
#include "lib/fd.h"
#include "lib/sys.h"

/* Resolved once, by the kernel; what a rename does to the name afterwards no longer matters. */
static int open_source(const struct plan_source *source, bool is_root, int *ret, struct err *err)
{
	uint64_t flags = O_PATH | O_CLOEXEC | (is_root ? O_DIRECTORY : 0);
	_autoclose_ int fd = sys_openat2(AT_FDCWD, source->path, flags, 0, RESOLVE_NO_MAGICLINKS);
	int tree;

	if (fd < 0)
		return is_root ? err_set(err, fd, "open the rootfs '%s'", source->path)
		               : err_set(err, fd, "bind '%s' on '%s'", source->path, source->target);
	tree = mount_clone(fd, source->tree);
	if (tree < 0)
		return err_set(err, tree, "clone '%s' for '%s'", source->path, source->target);
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
