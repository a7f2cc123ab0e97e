/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's half of creating a container, for create and run: reads configuration and bundle, starts the supervisor
 * if the container is a sandbox, asks it for the container, starts the stdio process, and writes the pid file last.
 * What fails leaves nothing behind.
 */
#pragma once

#include "lib/err.h"
#include "lib/flags.h"
#include "runtime/runtime.h"
#include "runtime/stdio.h"

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

/* Creates the container and starts the process that stands for it; *stdio is the caller's (STDIO_INIT, stdio_done). */
int launch_create(const struct runtime *rt, const struct launch_options *o, const char *id, struct stdio *stdio,
                  struct err *err);

/* Starts a container that was created. */
int launch_start(const struct runtime *rt, const char *id, struct err *err);
