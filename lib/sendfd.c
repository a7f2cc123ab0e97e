/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sendfd.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/fd.h"
#include "lib/sys.h"

int sendfd_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_autoclose_ int fd = -EBADF;
	int r;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	r = sys_connect(fd, (const struct sockaddr *)&addr, sizeof(addr));
	return r < 0 ? r : take_fd(&fd);
}

int sendfd(int socket, const void *data, size_t n, int sent)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)data, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t r;

	if (sent >= 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(sent));
		memcpy(CMSG_DATA(&control.align), &sent, sizeof(sent));
	}
	do {
		r = sys_sendmsg(socket, &msg, 0);
	} while (r == -EINTR);
	return r < 0 ? (int)r : (size_t)r < n ? -EMSGSIZE : 0;
}

int sendfd_to(const char *path, const char *text, int sent, struct err *err)
{
	_autoclose_ int fd = sendfd_connect(path);
	int r;

	if (fd < 0)
		return err_set(err, fd, "connect to the console socket '%s'", path);
	r = sendfd(fd, text, strlen(text), sent);
	return r < 0 ? err_set(err, r, "send the terminal to the console socket '%s'", path) : 0;
}
