/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/hostside.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define CONNECT_MS 5000
#define LISTENERS  64
#define STATE_MAX  65536 /* of a container, as JSON */

int hostside_call_from(const char *address, uint32_t port)
{
	_autoclose_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct addr base, addr;
	int n = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "kata-host-%d_%u", (int)getpid(), port);

	if (fd < 0 || addr_parse(&base, address, NULL) < 0 ||
	    addr_with_port(&addr, &base, HOSTSIDE_PASSFD_PORT, NULL) < 0)
		return fd < 0 ? -errno : -EINVAL;
	if (bind(fd, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0)
		return -errno;
	memset(&un, 0, sizeof(un));
	un.sun_family = AF_UNIX;
	memcpy(un.sun_path, addr.path, sizeof(un.sun_path));
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		return -errno;
	return take_fd(&fd);
}

ssize_t hostside_read(int fd, char *data, size_t n, int timeout_ms)
{
	int64_t end = sys_now_ms() + timeout_ms;
	size_t len = 0;

	while (len < n) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = end - sys_now_ms();
		ssize_t r;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return -ETIMEDOUT;
		r = read(fd, data + len, n - len);
		if (r == 0)
			break;
		if (r < 0 && errno != EINTR && errno != EAGAIN)
			return errno == ECONNRESET ? (ssize_t)len : -errno;
		len += r > 0 ? (size_t)r : 0;
	}
	return (ssize_t)len;
}

ssize_t hostside_console(const char *address, const char *text, char *data, size_t n, int timeout_ms)
{
	struct addr base, addr;
	_autoclose_ int fd = -EBADF;
	ssize_t got;

	if (addr_parse(&base, address, NULL) < 0 || addr_with_port(&addr, &base, HOSTSIDE_CONSOLE_PORT, NULL) < 0)
		return -EINVAL;
	fd = addr_connect(&addr, CONNECT_MS, NULL);
	if (fd < 0)
		return fd;
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return -errno;
	got = hostside_read(fd, data, n - 1, timeout_ms);
	data[got < 0 ? 0 : got] = '\0';
	return got;
}

int hostside_errno(const char *name)
{
	for (int i = 1; i < 134; i++) {
		const char *known = strerrorname_np(i);

		if (known && strcmp(known, name) == 0)
			return i;
	}
	return 0;
}

bool hostside_write_in_guest(pid_t agent, const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/root%s", (int)agent, dir);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "/proc/%d/root%s/%s", (int)agent, dir, name);
	file = fopen(path, "we");
	if (!file)
		return false;
	(void)fputs(text, file);
	return fclose(file) == 0;
}

int hostside_listen(const char *path)
{
	struct addr addr = { .kind = ADDR_UNIX };

	if (strlen(path) >= sizeof(addr.path))
		return -ENAMETOOLONG;
	memcpy(addr.path, path, strlen(path) + 1);
	return addr_listen(&addr, LISTENERS, NULL);
}

/* True if there was a descriptor. */
static bool receive_listener(int fd)
{
	static char state[STATE_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = "" };
	struct iovec iov = { .iov_base = state, .iov_len = sizeof(state) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	struct cmsghdr *head;
	int listener;

	if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0)
		return false;
	head = CMSG_FIRSTHDR(&msg);
	if (!head || head->cmsg_type != SCM_RIGHTS)
		return false;
	memcpy(&listener, CMSG_DATA(head), sizeof(listener));
	(void)close(listener);
	return true;
}

int hostside_take_listeners(int fd)
{
	int n = 0;

	for (;;) {
		_autoclose_ int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (peer < 0)
			return n;
		n += receive_listener(peer);
	}
}
