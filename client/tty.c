/* SPDX-License-Identifier: Apache-2.0 */
#include "client/tty.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

int tty_make_raw(struct tty *tty, int fd)
{
	struct termios raw;

	*tty = (struct tty){ .fd = fd };
	if (!isatty(fd))
		return 0;
	if (tcgetattr(fd, &tty->saved) < 0)
		return -errno;
	raw = tty->saved;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSADRAIN, &raw) < 0)
		return -errno;
	tty->is_raw = true;
	return 0;
}

void tty_done(struct tty *tty)
{
	if (tty->is_raw)
		(void)tcsetattr(tty->fd, TCSADRAIN, &tty->saved);
	tty->is_raw = false;
}

bool tty_get_size(int fd, unsigned *ret_rows, unsigned *ret_columns)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		return false;
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
	return true;
}
