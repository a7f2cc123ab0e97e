/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that do for us what we don't link: kata-toml, and what uses D-Bus or HTTP. They lie beside our own program
 * or in ../libexec/kata-c. Blocking, with a deadline: for the verbs of the command line, never for the supervisor's
 * loop.
 */
#pragma once

#include "lib/buf.h"
#include "lib/err.h"

#define HELPER_OUTPUT_MAX (16u << 20) /* bytes of stdout; more is -EMSGSIZE */

/* The directory of our own program, with a slash; to be freed by the caller, NULL if it is not known. */
char *helper_own_directory(void);

/* The path of a helper program, to be freed by the caller; NULL (and the error) if it is in none of its places. */
char *helper_path(const char *name, struct err *err);

/*
 * Runs argv[0] (a path) with no stdin and waits at most timeout_ms; stdout is appended to out. An exit status other
 * than 0 is -EIO whose text is the last line of its stderr.
 */
int helper_run(char *const *argv, int timeout_ms, struct buf *out, struct err *err);
