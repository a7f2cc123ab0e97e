/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/dns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

#define RESOLV_CONF "etc/resolv.conf"
#define OWN_DIR     "sandbox"
#define OWN_NAME    "resolv.conf"
#define BLANKS      " \t\r\n"
#define TEXT_MAX    (1u << 20)

/* Trimmed lines with a newline between them, none at the end: what hosts know. */
static int join(char *const *lines, size_t n, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *start = lines[i] + strspn(lines[i], BLANKS);
		size_t len = strlen(start);

		while (len > 0 && strchr(BLANKS, start[len - 1]))
			len--;
		r = i > 0 ? buf_add(ret, "\n", 1) : 0;
		if (r == 0)
			r = buf_add(ret, start, len);
	}
	return r;
}

/* A new file each time: one of before may still be mounted somewhere. */
static int write_file(int run, const struct buf *text, struct err *err)
{
	_autoclose_ int dir = path_make_dirs_in(run, OWN_DIR, 0755, err);
	_autoclose_ int fd = -EBADF;
	int r;

	if (dir < 0)
		return dir;
	r = sys_unlinkat(dir, OWN_NAME, 0);
	if (r == 0 || r == -ENOENT) {
		fd = sys_openat(dir, OWN_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		r = fd < 0 ? fd : fd_write_all(fd, text->data, text->len);
	}
	return r < 0 ? err_set(err, r, "write '" OWN_DIR "/" OWN_NAME "'") : take_fd(&fd);
}

static int open_target(int root)
{
	return sys_openat2(root, RESOLV_CONF, O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);
}

static int mount_over(int file, int target, struct err *err)
{
	_autoclose_ int tree = sys_open_tree(file, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	int r = tree;

	if (tree >= 0)
		r = sys_move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	return r < 0 ? err_set(err, r, "mount '" OWN_NAME "' on '/" RESOLV_CONF "'") : 1;
}

int net_dns_install(int run, int root, char *const *lines, size_t n, struct err *err)
{
	_autobuf_ struct buf text = { .max = TEXT_MAX };
	_autoclose_ int file = -EBADF, target = -EBADF;
	struct stat st;
	int r;

	if (n == 0)
		return 0;
	r = join(lines, n, &text);
	if (r < 0)
		return err_set(err, r, "write the lines of '/" RESOLV_CONF "'");
	file = write_file(run, &text, err);
	if (file < 0)
		return file;
	target = open_target(root);
	if (target == -ENOENT)
		return 0;
	r = target < 0 ? target : sys_fstatat(target, "", &st, AT_EMPTY_PATH);
	if (r < 0)
		return err_set(err, r, "open '/" RESOLV_CONF "'");
	if (!S_ISREG(st.st_mode))
		return err_say(err, EINVAL, "'/" RESOLV_CONF "' is no regular file");
	return mount_over(file, target, err);
}

int net_dns_remove(int root, struct err *err)
{
	_autoclose_ int target = open_target(root);
	char path[64];
	int r;

	if (target < 0)
		return err_set(err, target, "open '/" RESOLV_CONF "'");
	/* By the fd, so that a symlink leads to the same file as it did; which keeps the mount busy, so lazily. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", target);
	r = sys_umount2(path, MNT_DETACH);
	return r < 0 ? err_set(err, r, "unmount '/" RESOLV_CONF "'") : 0;
}
