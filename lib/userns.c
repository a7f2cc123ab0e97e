/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/userns.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/sys.h"

/* Only there so that the namespace is, until it has an fd. */
static void wait_to_be_killed(void)
{
	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)sys_close_range(0, ~0U, 0);
	for (;;)
		(void)sys_poll(NULL, 0, -1);
}

static int write_map(pid_t pid, const char *file, const struct oci_id_maps *maps, struct err *err)
{
	_autobuf_ struct buf text = BUF_INIT;
	char path[64];
	int r = maps->n > 0 ? 0 : -EINVAL;

	for (size_t i = 0; i < maps->n && r >= 0; i++)
		r = buf_printf(&text, "%u %u %u\n", maps->v[i].container_id, maps->v[i].host_id, maps->v[i].size);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	r = r < 0 ? r : fd_write_file_at(AT_FDCWD, path, buf_str(&text));
	return r < 0 ? err_set(err, r, "write %zu id mappings to '%s'", maps->n, file) : 0;
}

static int open_namespace(pid_t pid, struct err *err)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	return fd < 0 ? err_set(err, fd, "open a user namespace") : fd;
}

int userns_open(const struct oci_id_maps *uids, const struct oci_id_maps *gids, struct err *err)
{
	_autoclose_ int pidfd = -EBADF;
	const struct sys_clone_args args = { .flags = CLONE_NEWUSER, .cgroup_fd = -EBADF, .ret_pidfd = &pidfd };
	pid_t pid = sys_clone3(&args);
	siginfo_t info;
	int r;

	if (pid == 0)
		wait_to_be_killed();
	if (pid < 0)
		return err_set(err, pid, "make a user namespace");
	r = write_map(pid, "uid_map", uids, err);
	r = r < 0 ? r : write_map(pid, "gid_map", gids, err);
	r = r < 0 ? r : open_namespace(pid, err);
	(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	(void)sys_waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
	return r;
}
