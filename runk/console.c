/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/console.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/pty.h"
#include "lib/sendfd.h"
#include "lib/sys.h"

int console_send(const char *path, int master, struct err *err)
{
	return sendfd_to(path, "/dev/ptmx", master, err);
}

void console_copy_size(int master)
{
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) == 0)
		(void)pty_resize(master, size.ws_row, size.ws_col);
}

int console_start(struct console *c, int master, struct err *err)
{
	struct termios raw;
	int r = fd_set_nonblock(master, true);

	if (r < 0)
		return err_set(err, r, "serve the terminal");
	*c = (struct console){ .master = master,
		               .in = { .from = 0, .to = master },
		               .out = { .from = master, .to = 1 } };
	if (!isatty(0))
		return 0;
	if (tcgetattr(0, &c->saved) < 0)
		return err_set(err, errno, "read the settings of our terminal");
	raw = c->saved;
	cfmakeraw(&raw);
	if (tcsetattr(0, TCSADRAIN, &raw) < 0)
		return err_set(err, errno, "set our terminal to raw mode");
	c->is_raw = true;
	return 0;
}

void console_stop(struct console *c)
{
	if (c->is_raw)
		(void)tcsetattr(0, TCSADRAIN, &c->saved);
	c->is_raw = false;
}

static void poll_flow(const struct console_flow *f, struct pollfd *from, struct pollfd *to)
{
	bool is_empty = f->start == f->end;

	*from = (struct pollfd){ .fd = is_empty && !f->over ? f->from : -1, .events = POLLIN };
	*to = (struct pollfd){ .fd = is_empty ? -1 : f->to, .events = POLLOUT };
}

size_t console_poll(const struct console *c, struct pollfd *fds)
{
	poll_flow(&c->in, &fds[0], &fds[1]);
	poll_flow(&c->out, &fds[2], &fds[3]);
	return 4;
}

/* Reads if there is room; false if there was nothing. */
static bool fill(struct console_flow *f)
{
	ssize_t n = sys_read(f->from, f->data, sizeof(f->data));

	if (n == -EINTR || n == -EAGAIN)
		return false;
	/* A terminal that nobody has open any more answers EIO. */
	f->over = n <= 0;
	f->start = 0;
	f->end = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void flush(struct console_flow *f)
{
	ssize_t n = sys_write(f->to, f->data + f->start, f->end - f->start);

	if (n == -EINTR || n == -EAGAIN)
		return;
	/* Where nobody reads there is nothing to keep; the container must not stop for it. */
	f->start = n < 0 ? f->end : f->start + (size_t)n;
}

void console_move(struct console *c, const struct pollfd *fds, size_t n)
{
	struct console_flow *flows[] = { &c->in, &c->out };

	for (size_t i = 0; i < ARRAY_SIZE(flows) && 2 * i + 1 < n; i++) {
		if (fds[2 * i].revents)
			(void)fill(flows[i]);
		else if (fds[2 * i + 1].revents)
			flush(flows[i]);
	}
}

void console_drain(struct console *c)
{
	struct console_flow *f = &c->out;

	do {
		while (f->start < f->end) {
			struct pollfd poll = { .fd = f->to, .events = POLLOUT };

			(void)sys_poll(&poll, 1, -1);
			flush(f);
		}
	} while (!f->over && fill(f));
}
