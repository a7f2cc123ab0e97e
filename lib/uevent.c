/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/uevent.h"

#include <errno.h>
#include <linux/netlink.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define KERNEL_GROUP   1
#define RECEIVE_BUFFER (1024 * 1024) /* a DIMM is a burst of events */
#define DRAIN_MAX      65536         /* so that a flood cannot hold the caller */

int uevent_open(void)
{
	_autoclose_ int fd = sys_socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	int size = RECEIVE_BUFFER, r;

	if (fd < 0)
		return fd;
	(void)sys_setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	r = sys_bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	return r < 0 ? r : take_fd(&fd);
}

int uevent_drain(int fd)
{
	for (int i = 0; i < DRAIN_MAX; i++) {
		char first;
		struct iovec iov = { &first, 1 };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n = sys_recvmsg(fd, &msg, MSG_DONTWAIT);

		if (n == -EAGAIN)
			return 0;
		/* ENOBUFS: some were lost, which is as good a reason to look as any. */
		if (n < 0 && n != -EINTR && n != -ENOBUFS)
			return (int)n;
	}
	return 0;
}

int uevent_wait(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = sys_poll(&p, 1, timeout_ms), r;

	if (n <= 0)
		return n == -EINTR ? 0 : n;
	r = uevent_drain(fd);
	return r < 0 ? r : 1;
}
