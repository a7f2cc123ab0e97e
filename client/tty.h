/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal of the user while it belongs to a process in a container: raw, and as it was afterwards.
 */
#pragma once

#include <stdbool.h>
#include <termios.h>

struct tty {
	int fd; /* borrowed */
	bool is_raw;
	struct termios saved;
};

#define _autotty_ _cleanup_(tty_done)

/* Makes the terminal raw; 0 also if fd is none. -errno. */
int tty_make_raw(struct tty *tty, int fd);

/* Restores what tty_make_raw changed; harmless otherwise. */
void tty_done(struct tty *tty);

/* The window size; false if fd is no terminal. */
bool tty_get_size(int fd, unsigned *ret_rows, unsigned *ret_columns);
