/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends a sandbox and removes every trace of it, with its supervisor's help if that lives and without if not: whatever
 * was killed before, in whatever order.
 */
#pragma once

#include "lib/err.h"

/* Ends the sandbox and removes its files, links and mounts; 0 also if there is nothing. */
int teardown_sandbox(const char *root, const char *sandbox, struct err *err);
