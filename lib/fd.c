/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/sys.h"

#define COPY_CHUNK 65536

int fd_close(int fd)
{
	int saved = errno;

	/* Linux frees the descriptor even when close reports EINTR: a second try could close a stranger's. */
	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return -EBADF;
}

void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

void fd_closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

int fd_opendir(int dirfd, const char *path, int flags, DIR **ret)
{
	_autoclose_ int fd = sys_openat(dirfd, path, flags | O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int r = fd < 0 ? fd : sys_fdopendir(fd, ret);

	if (r < 0)
		return r;
	(void)take_fd(&fd);
	return 0;
}

static int set_flag(int fd, int get, int set, int flag, bool on)
{
	int flags = sys_fcntl(fd, get, 0);

	if (flags < 0)
		return flags;
	return sys_fcntl(fd, set, on ? flags | flag : flags & ~flag);
}

int fd_set_nonblock(int fd, bool on)
{
	return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

int fd_set_cloexec(int fd, bool on)
{
	return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

static int compare_fds(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return x < y ? -1 : x > y;
}

int fd_close_except(int *keep, size_t n)
{
	unsigned first = 3;
	int r;

	if (n > 0)
		qsort(keep, n, sizeof(*keep), compare_fds);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < 0 || (unsigned)keep[i] < first)
			continue;
		if ((unsigned)keep[i] > first) {
			r = sys_close_range(first, (unsigned)keep[i] - 1, 0);
			if (r < 0)
				return r;
		}
		first = (unsigned)keep[i] + 1;
	}
	return sys_close_range(first, UINT_MAX, 0);
}

int fd_read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len)
{
	_autoclose_ int fd = sys_openat(dirfd, path, O_RDONLY | O_CLOEXEC, 0);
	_autofree_ char *data = NULL;
	size_t len = 0, cap = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	for (;;) {
		if (len + 1 >= cap) {
			size_t larger = cap ? cap * 2 : 1024;
			char *p = realloc(data, larger);

			if (!p)
				return -ENOMEM;
			data = p;
			cap = larger;
		}
		n = sys_read(fd, data + len, cap - len - 1);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
	}
	data[len] = '\0';
	*ret = take_ptr(&data);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int fd_write_file_at(int dirfd, const char *path, const char *text)
{
	_autoclose_ int fd = sys_openat(dirfd, path, O_WRONLY | O_CLOEXEC, 0);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = sys_write(fd, text, len);
	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EIO;
}

int fd_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = sys_write(fd, p, n);

		if (w == -EINTR)
			continue;
		if (w < 0)
			return (int)w;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/* A file may grow while it is read: the limit counts what is read. */
int fd_copy(int from, int to, uint64_t max)
{
	_autofree_ char *chunk = malloc(COPY_CHUNK);
	uint64_t sum = 0;

	if (!chunk)
		return -ENOMEM;
	for (;;) {
		ssize_t n = sys_read(from, chunk, COPY_CHUNK);
		int r;

		if (n <= 0)
			return (int)n;
		sum += (uint64_t)n;
		if (max && sum > max)
			return -EFBIG;
		r = fd_write_all(to, chunk, (size_t)n);
		if (r < 0)
			return r;
	}
}

int fd_hang_up(int fd)
{
	char data[4096];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int saved = errno;

	if (fd >= 0 && sys_shutdown(fd, SHUT_RDWR) == 0)
		while (sys_recvmsg(fd, &msg, MSG_DONTWAIT) > 0)
			;
	errno = saved;
	return fd_close(fd);
}

ssize_t fd_send_whole(int fd, const void *data, size_t n)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = n };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t sent;

	do {
		sent = sys_sendmsg(fd, &message, MSG_DONTWAIT);
	} while (sent == -EINTR);
	return sent;
}

ssize_t fd_send(int fd, const void *data, size_t n)
{
	return fd_send_whole(fd, data, n < FD_SEND_MAX ? n : FD_SEND_MAX);
}

ssize_t fd_receive_packet(int fd, struct msghdr *msg, int flags)
{
	const struct msghdr fresh = *msg;
	ssize_t n;

	/* What was sent before the close is in the queue by now. */
	for (int ends = 0; ends < 2; ends++) {
		do {
			*msg = fresh;
			n = sys_recvmsg(fd, msg, flags);
		} while (n == -EINTR);
		if (n != 0)
			break;
	}
	return n;
}
