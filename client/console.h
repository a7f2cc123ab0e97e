/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our stdio as the other end of a guest's debug console. The connection is the caller's, and so is the terminal, which
 * he makes raw before.
 */
#pragma once

#define CONSOLE_PORT 1026 /* what runtimes ask for */

/* Moves bytes both ways until the shell has ended; at the end of our input "exit" is typed. 0 or -errno. */
int console_talk(int fd);
