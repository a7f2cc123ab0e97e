/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU opens a network with: a tap link, made in the network namespace of the caller and gone with its last fd,
 * and the kernel's vhost-net. The fds are the caller's.
 */
#pragma once

#include "lib/err.h"

/* Makes a tap link of that name, with headers for offloads; its fd or -errno. */
int tap_open(const char *name, struct err *err);

/* An fd of /dev/vhost-net that works, or -errno: then QEMU moves the packets itself. */
int tap_open_vhost(void);
