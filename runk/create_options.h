/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that create and run have in common, as rows for their tables, and what they mean together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/flags.h"
#include "runk/launch.h"

#define PRESERVE_FDS_MAX 4096

struct create_options {
	struct launch_options launch;
	struct flag_number preserve_fds;
	bool no_pivot, no_subreaper, keep;
};

#define CREATE_OPTIONS                                                                                                 \
	{ "bundle", 'b', FLAG_TEXT, offsetof(struct create_options, launch.bundle),                                    \
	  "directory of the bundle (default: where you are)" },                                                        \
		{ "console-socket", 0, FLAG_TEXT, offsetof(struct create_options, launch.console_socket),              \
		  "unix socket that receives the terminal's master" },                                                 \
		{ "pid-file", 0, FLAG_TEXT, offsetof(struct create_options, launch.pid_file),                          \
		  "file for the process id" },                                                                         \
		{ "pidfd-socket", 0, FLAG_TEXT, offsetof(struct create_options, launch.pidfd_socket),                  \
		  "unix socket that receives a pidfd of the process" },                                                \
		{ "no-pivot", 0, FLAG_BOOL, offsetof(struct create_options, no_pivot),                                 \
		  "accepted; we always pivot, a root on a ramdisk is no obstacle" },                                   \
		{ "no-new-keyring", 0, FLAG_BOOL, offsetof(struct create_options, launch.no_new_keyring),              \
		  "keep the caller's session keyring" },                                                               \
	{                                                                                                              \
		"preserve-fds", 0, FLAG_NUMBER, offsetof(struct create_options, preserve_fds),                         \
			"hand on so many fds after 2 (and those of LISTEN_FDS)"                                        \
	}

/* Checks the options and finishes them: LISTEN_FDS of our environment counts to the fds that are handed on. */
int create_options_check(const struct runk *runk, struct create_options *o, struct err *err);

/* 3 + n fds that have to be open, n with those of LISTEN_FDS. */
int create_options_preserve(const struct flag_number *given, int64_t *ret, struct err *err);
