/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the things are that a configuration does not name: the kernel and the initrd that `make install` has put beside
 * our program, and the daemons in the places where distributions have them. It looks and fills in; it starts nothing.
 */
#pragma once

#include "lib/err.h"
#include "runtime/config.h"

/* Fills in kernel, initrd (if there is no image), virtio_fs_daemon and vhost_user_vsock_daemon where they are empty;
 * what is found nowhere stays empty. */
int locate_defaults(struct config *c, struct err *err);
