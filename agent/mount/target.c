/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>

#include "agent/mount/plan.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

#define RESOLVE_EXACT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS)

int target_open_exact_dir(int root, const char *path)
{
	return sys_openat2(root, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, RESOLVE_EXACT);
}

static int open_exact(int root, const char *path, struct err *err)
{
	int fd = target_open_exact_dir(root, path);

	if (fd == -ENOENT) {
		int made = path_make_dirs_in(root, path, 0755, err);

		if (made < 0)
			return made;
		(void)fd_close(made);
		fd = target_open_exact_dir(root, path);
	}
	if (fd == -ELOOP || fd == -ENOTDIR)
		return err_say(err, -fd, "'%s' of the rootfs is not an ordinary directory", path);
	return fd < 0 ? err_set(err, fd, "open '%s' of the rootfs", path) : fd;
}

int target_open(int root, const struct target_want *want, struct err *err)
{
	int fd;

	if (want->is_exact && want->is_dir)
		return open_exact(root, want->path, err);
	/* A file may be there already, of whatever type; only what is missing is made. */
	fd = path_open_in(root, want->path, want->is_dir ? O_DIRECTORY : 0);
	if (fd == -ENOENT && want->is_dir)
		return path_make_dirs_in(root, want->path, 0755, err);
	if (fd == -ENOENT)
		return path_make_file_in(root, want->path, 0644, err);
	return fd < 0 ? err_set(err, fd, "open '%s' of the rootfs", want->path) : fd;
}

int target_check_procfs(int target, const char *path, struct err *err)
{
	struct statfs st;
	int r = sys_fstatfs(target, &st);

	if (r < 0)
		return err_set(err, r, "look at '%s' of the rootfs", path);
	if (st.f_type != PROC_SUPER_MAGIC || strcmp(path, "/proc") == 0 || plan_may_cover_proc(path))
		return 0;
	return err_say(err, EPERM, "'%s' of the rootfs leads into a procfs", path);
}
