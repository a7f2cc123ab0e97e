/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/listener.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "lib/fd.h"
#include "lib/sys.h"

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

int listener_connect(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_autoclose_ int fd = -EBADF;
	size_t len = strlen(path);
	int r;

	if (len >= sizeof(addr.sun_path))
		return err_say(err, ENAMETOOLONG, "seccomp: listenerPath '%s' is longer than %zu bytes", path,
		               sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, len);
	fd = sys_socket(AF_UNIX, SOCK_STREAM, 0);
	r = fd < 0 ? fd
	           : sys_connect(fd, (const struct sockaddr *)&addr,
	                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1));
	return r < 0 ? err_set(err, r, "seccomp: connect to listenerPath '%s'", path) : take_fd(&fd);
}

static int send_with_fd(int socket, int fd, const struct buf *text)
{
	struct iovec iov = { text->data, text->len };
	union control control = { .space = { 0 } };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	do {
		n = sys_sendmsg(socket, &msg, 0);
	} while (n == -EINTR);
	return n < 0 ? (int)n : (size_t)n < text->len ? -EMSGSIZE : 0;
}

int listener_send(int socket, int listener, const struct buf *text, struct err *err)
{
	int r = send_with_fd(socket, listener, text);

	return r < 0 ? err_set(err, r, "seccomp: hand the listener over") : 0;
}
