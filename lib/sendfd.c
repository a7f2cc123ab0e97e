/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sendfd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/fd.h"
#include "lib/sys.h"

static int connect_to(const char *path)
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

int sendfd_to(const char *path, const char *text, int sent, struct err *err)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct iovec iov = { (char *)text, strlen(text) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	_autoclose_ int fd = connect_to(path);
	ssize_t n;

	if (fd < 0)
		return err_set(err, fd, "connect to the console socket '%s'", path);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(sent));
	memcpy(CMSG_DATA(c), &sent, sizeof(sent));
	n = sys_sendmsg(fd, &msg, 0);
	return n < 0 ? err_set(err, (int)n, "send the terminal to the console socket '%s'", path) : 0;
}
