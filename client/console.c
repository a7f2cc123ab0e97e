/* SPDX-License-Identifier: Apache-2.0 */
#include "client/console.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"

#define CHUNK     16384
#define LAST_WORD "exit\n"

/* Our input; a guest that does not listen while it talks must not keep us from hearing it. */
struct input {
	bool is_open;
	char data[CHUNK];
	size_t done, len; /* of what the guest is to get */
};

/*
 * To close half of the connection would end all of it, and a ^D typed before the shell is ready is lost: so the end of
 * our input is a command like those before it.
 */
static void take_input(struct input *in)
{
	ssize_t n = read(STDIN_FILENO, in->data, sizeof(in->data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	in->is_open = n > 0;
	if (n <= 0) {
		n = strlen(LAST_WORD);
		memcpy(in->data, LAST_WORD, (size_t)n);
	}
	in->done = 0;
	in->len = (size_t)n;
}

static void send_input(struct input *in, int fd)
{
	ssize_t n = send(fd, in->data + in->done, in->len - in->done, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		in->done += (size_t)n;
	if (n >= 0 || errno == EAGAIN || errno == EINTR)
		return;
	/* The shell has ended, its last words are still to be read. */
	in->is_open = false;
	in->done = in->len;
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
	struct input in = { .is_open = true };

	for (;;) {
		bool has_more = in.done < in.len;
		struct pollfd p[] = { { .fd = fd, .events = POLLIN | (has_more ? POLLOUT : 0) },
			              { .fd = in.is_open && !has_more ? STDIN_FILENO : -1, .events = POLLIN } };
		int r = poll(p, 2, -1);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r < 0)
			continue;
		if (p[0].revents & ~POLLOUT) {
			r = show_output(fd);
			if (r != 0)
				return r > 0 ? 0 : r;
		}
		if (p[0].revents & POLLOUT)
			send_input(&in, fd);
		if (p[1].revents)
			take_input(&in);
	}
}
