/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

#define TERMINAL_FLAGS (O_RDWR | O_NOCTTY | O_CLOEXEC)

/* The directory that holds the multiplexer, made sure to be a devpts before anything in it is opened. */
static int open_devpts(int dirfd, const char *ptmx, const char **ret_name, struct err *err)
{
	_autoclose_ int dir = -EBADF;
	_autofree_ char *parent = strdup(ptmx);
	struct statfs st;
	char *slash;
	int r;

	if (!parent)
		return err_set(err, ENOMEM, "open terminal multiplexer '%s'", ptmx);
	slash = strrchr(parent, '/');
	*ret_name = slash ? ptmx + (slash - parent) + 1 : ptmx;
	if (slash)
		slash[1] = '\0';
	dir = path_open_in(dirfd, slash ? parent : ".", O_DIRECTORY);
	if (dir < 0)
		return err_set(err, dir, "open terminal multiplexer '%s'", ptmx);
	r = sys_fstatfs(dir, &st);
	if (r < 0)
		return err_set(err, r, "look at '%s'", ptmx);
	if (st.f_type != DEVPTS_SUPER_MAGIC)
		return err_say(err, ENODEV, "terminal multiplexer '%s' is not in a devpts", ptmx);
	return take_fd(&dir);
}

static int open_ptmx(int dirfd, const char *ptmx, struct err *err)
{
	_autoclose_ int dir = -EBADF, master = -EBADF;
	const char *name = NULL;
	struct stat st;
	int r;

	dir = open_devpts(dirfd, ptmx, &name, err);
	if (dir < 0)
		return dir;
	master = sys_openat2(dir, name, TERMINAL_FLAGS, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	if (master < 0)
		return err_set(err, master, "open terminal multiplexer '%s'", ptmx);
	r = sys_fstatat(master, "", &st, AT_EMPTY_PATH);
	if (r < 0)
		return err_set(err, r, "look at '%s'", ptmx);
	/* 5:2 is the multiplexer's number on every Linux; a terminal of the same devpts would be somebody else's. */
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return err_say(err, ENODEV, "'%s' is not a terminal multiplexer", ptmx);
	return take_fd(&master);
}

int pty_open_in(int dirfd, const char *ptmx, int *ret_master, int *ret_slave, struct err *err)
{
	_autoclose_ int master = open_ptmx(dirfd, ptmx, err), slave = -EBADF;
	int r, locked = 0;

	if (master < 0)
		return master;
	r = sys_ioctl(master, TIOCSPTLCK, &locked);
	if (r < 0)
		return err_set(err, r, "unlock a terminal of '%s'", ptmx);
	/* By number, the name of the slave could be anything by now. */
	slave = sys_ioctl(master, TIOCGPTPEER, (void *)(uintptr_t)TERMINAL_FLAGS);
	if (slave < 0)
		return err_set(err, slave, "open a terminal of '%s'", ptmx);
	*ret_master = take_fd(&master);
	*ret_slave = take_fd(&slave);
	return 0;
}

int pty_resize(int master, unsigned short rows, unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	return sys_ioctl(master, TIOCSWINSZ, &size);
}
