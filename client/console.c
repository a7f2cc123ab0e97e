/* SPDX-License-Identifier: Apache-2.0 */
#include "client/console.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"

#define CHUNK     16384
#define LAST_WORD "exit\n"

/*
 * To close half of the connection would end all of it, and a ^D typed before the shell is ready is lost: so the end of
 * our input is a command like those before it. -errno of writing.
 */
static int send_input(int fd, bool *open)
{
	char data[CHUNK];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n > 0)
		return fd_write_all(fd, data, (size_t)n);
	*open = false;
	return fd_write_all(fd, LAST_WORD, strlen(LAST_WORD));
}

/* 1 at the end of the connection. */
static int show_output(int fd)
{
	char data[CHUNK];
	ssize_t n = read(fd, data, sizeof(data));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? 1 : -errno;
	return fd_write_all(STDOUT_FILENO, data, (size_t)n);
}

int console_talk(int fd)
{
	bool open = true;

	for (;;) {
		struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
		int r = poll(p, open ? 2 : 1, -1);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r < 0)
			continue;
		if (p[0].revents) {
			r = show_output(fd);
			if (r != 0)
				return r > 0 ? 0 : r;
		}
		/* The shell has ended, its last words are still to be read. */
		if (open && p[1].revents && send_input(fd, &open) < 0)
			open = false;
	}
}
