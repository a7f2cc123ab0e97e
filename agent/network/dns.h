/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's own resolv.conf: a file of the sandbox, mounted over /etc/resolv.conf. What containers see is not ours.
 * Opens and mounts: call it from a job.
 */
#pragma once

#include <stddef.h>

#include "lib/err.h"

/*
 * Writes the lines to sandbox/resolv.conf below `run` and mounts that over etc/resolv.conf below `root`. 1 if it is
 * mounted; 0 if there are no lines, or nothing to mount over; -errno, -EINVAL if that is no regular file.
 */
int net_dns_install(int run, int root, char *const *lines, size_t n, struct err *err);

/* Takes the mount away again. Only for who has seen net_dns_install return 1. */
int net_dns_remove(int root, struct err *err);
