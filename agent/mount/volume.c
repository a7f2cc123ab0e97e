/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/volume.h"

#include <errno.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/mountinfo.h"
#include "lib/path.h"
#include "lib/sys.h"

static struct volume_figures figures(uint64_t total, uint64_t available, uint64_t unit)
{
	return (struct volume_figures){ total * unit, (total - available) * unit, available * unit };
}

int volume_usage(const char *path, struct volume_usage *ret, struct err *err)
{
	_autoclose_ int fd = -EBADF;
	struct statfs st;
	int r;

	if (!path_is_clean(path))
		return err_say(err, EINVAL, "volume '%s': the path must be absolute, without '..'", path ? path : "");
	fd = sys_openat(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
	r = fd < 0 ? fd : sys_fstatfs(fd, &st);
	if (r < 0)
		return err_set(err, r, "volume '%s'", path);
	ret->bytes = figures(st.f_blocks, st.f_bfree, (uint64_t)st.f_bsize);
	ret->inodes = figures(st.f_files, st.f_ffree, 1);
	return 0;
}

struct touch {
	const char *dir;
	int n;
};

static int touch(const struct mountinfo_entry *entry, void *arg)
{
	struct touch *t = arg;
	size_t len = strlen(t->dir);
	struct stat st;

	if (strncmp(entry->target, t->dir, len) != 0 || (entry->target[len] != '\0' && entry->target[len] != '/'))
		return 0;
	/* What it says does not matter: the question alone makes the server let go of stale handles. */
	(void)sys_fstatat(AT_FDCWD, entry->target, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
	t->n++;
	return 0;
}

int volume_touch_below(const char *mountinfo, const char *dir, struct err *err)
{
	struct touch t = { .dir = dir };
	int r = mountinfo_walk(mountinfo, touch, &t, err);

	return r < 0 ? r : t.n;
}
