/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's process starts as a copy of the program that made it, so /proc/self/exe leads a container to that
 * program (CVE-2019-5736). Here a program makes sure that it runs from a file that nobody can write through there: a
 * read-only mount that belongs to no namespace, or, without the right to make one (rootless), a sealed copy in memory.
 * It executes itself once for that; what is on a read-only file system already is left as it is. Owns nothing.
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"

/* How a program can be executed so that it cannot be written; for tests, else SELFEXEC_ANY. */
enum selfexec_means {
	SELFEXEC_ANY,    /* the mount, else the copy */
	SELFEXEC_MOUNT,  /* the mount or nothing */
	SELFEXEC_MEMORY, /* the copy */
};

/* True if the running program is on a read-only mount or in a sealed file. False also without /proc. */
bool selfexec_is_sealed(void);

/*
 * 0 if the running program is sealed; else executes it again, sealed, and returns only if that failed. argv[0] gives
 * the process its name. Call it early: what was done before is done twice, and fds that are not close-on-exec stay.
 */
int selfexec_seal(enum selfexec_means means, char *const argv[], char *const envp[], struct err *err);

/* Executes the program at the path sealed; returns only on failure. */
int selfexec_run(enum selfexec_means means, const char *path, char *const argv[], char *const envp[], struct err *err);
