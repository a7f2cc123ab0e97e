/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's end of the report socket; the owner's is child_receive of child.h. One packet per message.
 */
#pragma once

#include "lib/err.h"

/* Says that the child is parked before exec. write(2), since a seccomp filter may be in force. */
int report_ready(int fd);

/* Says that all is mounted and waits for child_resume; -EPIPE if the owner has gone. */
int report_mounted(int fd);

/* Says why the child gives up. */
int report_failed(int fd, const struct err *err);

/* Hands the terminal's master over. */
int report_console(int fd, int master);
