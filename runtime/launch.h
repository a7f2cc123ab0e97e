/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's half of creating a container, for create and run: reads configuration and bundle, starts the supervisor
 * if the container is a sandbox, asks it for the container, starts the stdio process, and writes the pid file last.
 * What fails leaves nothing behind.
 */
#pragma once

#include <sys/types.h>

#include "lib/err.h"
#include "lib/flags.h"
#include "runtime/runtime.h"

struct launch_options {
	const char *bundle, *pid_file, *console_socket;
	bool no_pivot, no_new_keyring, no_subreaper, detach;
};

#define LAUNCH_OPTIONS                                                                                                 \
	{ "bundle", 'b', FLAG_TEXT, offsetof(struct launch_options, bundle),                                           \
	  "directory of the bundle (default: where you are)" },                                                        \
		{ "pid-file", 0, FLAG_TEXT, offsetof(struct launch_options, pid_file), "file for the process id" },    \
		{ "console-socket", 0, FLAG_TEXT, offsetof(struct launch_options, console_socket),                     \
		  "unix socket that receives the terminal's master" },                                                 \
		{ "no-pivot", 0, FLAG_BOOL, offsetof(struct launch_options, no_pivot), "accepted" },                   \
		{ "no-subreaper", 0, FLAG_BOOL, offsetof(struct launch_options, no_subreaper), "accepted" },           \
	{                                                                                                              \
		"no-new-keyring", 0, FLAG_BOOL, offsetof(struct launch_options, no_new_keyring), "accepted"            \
	}

/* Creates the container; the pid of its stdio process, whose pidfd is the caller's, or -errno. */
pid_t launch_create(const struct runtime *rt, const struct launch_options *o, const char *id, int *ret_pidfd,
                    struct err *err);

/* Starts a container that was created. */
int launch_start(const struct runtime *rt, const char *id, struct err *err);
