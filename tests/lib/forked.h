/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the body of a test in a process of its own, so that what it unshares, drops or forbids itself stays there.
 */
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"

/* The body's exit status (0 = good), or 128 + the signal that ended it. */
static inline int forked_run(int (*body)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Skips the test, with the reason, unless we are root. */
#define skip_unless_root()                                                                                             \
	do {                                                                                                           \
		if (geteuid() != 0) {                                                                                  \
			print_message("skipped: needs root\n");                                                        \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)
