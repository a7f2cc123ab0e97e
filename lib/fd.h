/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors: ownership, small files, and what a forked child keeps. An fd that is not open is -EBADF. Every fd
 * is close-on-exec from birth.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/mem.h"

#define _autoclose_ _cleanup_(fd_closep)
#define _autodir_   _cleanup_(fd_closedirp)

/* Closes fd unless it is negative; keeps errno, never retries. Returns -EBADF, to be stored where the fd was. */
int fd_close(int fd);

/* Closes the fd at `fd` and disarms it; the cleanup function behind _autoclose_. */
void fd_closep(int *fd);

/* Closes the stream at `dir` unless it is NULL; the cleanup function behind _autodir_. */
void fd_closedirp(DIR **dir);

/* Opens a directory's stream; flags beside the usual ones (O_NOFOLLOW, or 0). 0 or -errno. */
int fd_opendir(int dirfd, const char *path, int flags, DIR **ret);

/* Hands the fd over: returns it and leaves -EBADF behind. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -EBADF;
	return taken;
}

/* Sets or clears O_NONBLOCK; 0 or -errno. */
int fd_set_nonblock(int fd, bool on);

/* Sets or clears FD_CLOEXEC; 0 or -errno. */
int fd_set_cloexec(int fd, bool on);

/* Closes every fd >= 3 that is not in keep[n]; the first act of a forked child, sorts keep. 0 or -errno. */
int fd_close_except(int *keep, size_t n);

/* Reads a small file (at most max bytes, -EFBIG beyond) below dirfd; *ret is the caller's, NUL-terminated. */
int fd_read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len);

/* Writes text to an existing file below dirfd in one write; a short write is -EIO. */
int fd_write_file_at(int dirfd, const char *path, const char *text);

/* Writes all n bytes to a blocking fd; 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t n);

/* Copies what can be read to a blocking fd, to the end; more than max bytes (0 = no limit) is -EFBIG. 0 or -errno. */
int fd_copy(int from, int to, uint64_t max);

/*
 * Sends what a socket takes now, without waiting: the number of bytes, at most FD_SEND_MAX, or -errno (-EAGAIN: nothing
 * now). Larger packets than that are scattered over several buffers by guests from Linux 6.12 on, and
 * vhost-device-vsock (0.3.0) never delivers those.
 */
ssize_t fd_send(int fd, const void *data, size_t n);

/*
 * Ends a connection and closes it, what came and was not read is thrown away: closed with that in it, a unix socket
 * tells its peer of an error instead of the end, which vhost-device-vsock (0.3.0) never tells the guest. Returns
 * -EBADF.
 */
int fd_hang_up(int fd);

/* As fd_send, for sockets that take packets of any size: as much as goes. */
ssize_t fd_send_whole(int fd, const void *data, size_t n);

struct msghdr;

/*
 * recvmsg for sockets of packets (SOCK_SEQPACKET), never for empty ones; repeats after EINTR. The number of bytes, 0 at
 * the true end of file, -errno. Linux (6.1 to 6.18 at least) looks at the queue first and at the shutdown after it: a
 * peer that sends and closes between the two looks as if it had closed without a word.
 */
ssize_t fd_receive_packet(int fd, struct msghdr *msg, int flags);

#define FD_SEND_MAX (28u << 10)
