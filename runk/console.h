/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals of the host's side: handing a container's terminal to whoever serves it, and serving it ourselves from our
 * own standard streams.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "lib/err.h"

/* Sends the master over the unix socket at path, as engines expect it. */
int console_send(const char *path, int master, struct err *err);

#define CONSOLE_BUFFER 4096

/* One direction: read here, written there. */
struct console_flow {
	int from, to;
	char data[CONSOLE_BUFFER];
	size_t start, end;
	bool over; /* nothing more comes */
};

struct console {
	int master;
	struct termios saved;
	bool is_raw;
	struct console_flow in, out;
};

/* Serves `master` (borrowed) from fds 0 and 1: raw mode, if 0 is a terminal, and its size. */
int console_start(struct console *c, int master, struct err *err);

/* Gives the user's terminal back as it was. */
void console_stop(struct console *c);

/* Copies the size of our window, if we have one, to a terminal. */
void console_copy_size(int master);

/* What the caller polls for: fills fds and returns their number, at most 4. */
struct pollfd;
size_t console_poll(const struct console *c, struct pollfd *fds);

/* Moves what can be moved now. */
void console_move(struct console *c, const struct pollfd *fds, size_t n);

/* Takes out what the container's processes still wrote before they ended. */
void console_drain(struct console *c);
