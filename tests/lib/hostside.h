/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host does beside its calls, for tests: passfd connections, a session of the debug console, and
 * the socket that seccomp listeners are sent to. All of it
 * waits with a deadline. Fds are the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOSTSIDE_PASSFD_PORT  1027
#define HOSTSIDE_CONSOLE_PORT 1026

/* Connects to the passfd port beside the agent's unix address, from this port; the fd or -errno. */
int hostside_call_from(const char *address, uint32_t port);

/* Reads to the end, at most n bytes; their number, or -ETIMEDOUT, or -errno. */
ssize_t hostside_read(int fd, char *data, size_t n, int timeout_ms);

/* Types the text into a session of the debug console and reads what it says to its end, with a NUL; as hostside_read.
 */
ssize_t hostside_console(const char *address, const char *text, char *data, size_t n, int timeout_ms);

/* The number of an error by its name ("EIO"), 0 if there is none. */
int hostside_errno(const char *name);

/* Writes a file in a directory of the agent's root, which is made if need be. */
bool hostside_write_in_guest(pid_t agent, const char *dir, const char *name, const char *text);

/* Listens at the path for seccomp listeners; the fd, which does not block, or -errno. */
int hostside_listen(const char *path);

/* Takes every listener that was sent there so far and closes it; their number. */
int hostside_take_listeners(int fd);
