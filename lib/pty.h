/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pseudo terminals from a given devpts instance, without a path that a container could have replaced.
 */
#pragma once

#include "lib/err.h"

/*
 * Allocates a terminal from the multiplexer `ptmx` below dirfd ("dev/pts/ptmx" in a rootfs); fails unless that is the
 * ptmx of a devpts. Both fds are the caller's.
 */
int pty_open_in(int dirfd, const char *ptmx, int *ret_master, int *ret_slave, struct err *err);

/* Sets the window size; 0 or -errno. */
int pty_resize(int master, unsigned short rows, unsigned short columns);
