/* SPDX-License-Identifier: Apache-2.0 */
/* A shell of a sandbox's guest itself, through its debug console, on our stdio. */
#pragma once

#include "lib/err.h"
#include "runtime/runtime.h"

/* Talks to the guest that the container or sandbox lives in until the shell ends. 0 or -errno. */
int guest_console(const struct runtime *rt, const char *id, struct err *err);
