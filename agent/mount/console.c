/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/mount/fsmount.h"
#include "agent/mount/plan.h"
#include "agent/mount/target.h"
#include "lib/fd.h"
#include "lib/pty.h"
#include "lib/sys.h"

/* A plain file to be covered, or a character device: never where a symlink of the image leads (/dev/console -> pts/0).
 */
static int open_console(int root, struct err *err)
{
	_autoclose_ int dev = target_open_exact_dir(root, "/dev"), fd = -EBADF;
	struct stat st;
	int r = dev < 0 ? dev : sys_mknodat(dev, "console", S_IFREG | 0600, 0);

	if (r < 0 && r != -EEXIST)
		return err_set(err, r, "make '/dev/console'");
	fd = sys_openat2(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	r = fd < 0 ? fd : sys_fstatat(fd, "", &st, AT_EMPTY_PATH);
	if (r < 0)
		return err_set(err, r, "open '/dev/console'");
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_say(err, EEXIST, "'/dev/console' is neither a file nor a device");
	return take_fd(&fd);
}

static int bind_slave(int slave, int target)
{
	_autoclose_ int tree = mount_clone(slave, false);

	return tree < 0 ? tree : mount_attach(tree, target);
}

/* The container's own devpts if it has one, so that /dev/pts/0 is the terminal; else the creator's. */
static int apply_console(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	struct rootfs_entry *entry = e->entry;
	bool is_own = strcmp(step->source, "container") == 0;
	_autoclose_ int target = -EBADF;
	int r;

	if (!entry->wants_console)
		return 0;
	r = pty_open_in(is_own ? e->root : e->old_root, "dev/pts/ptmx", &entry->master, &entry->slave, err);
	if (r < 0)
		return err_wrap(err, "allocate the terminal");
	target = open_console(e->root, err);
	if (target < 0)
		return err_wrap(err, "bind the terminal");
	r = bind_slave(entry->slave, target);
	return r < 0 ? err_set(err, r, "bind the terminal on '/dev/console'") : 0;
}

const struct step_kind step_console = { "console", apply_console };
