/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an operation that takes more than one loop turn tells its caller. A function that takes a completion either
 * returns 0 and calls `done` exactly once from a later loop turn, or returns -errno with err filled and never calls it.
 */
#pragma once

#include "lib/err.h"

struct completion;

/* r is 0 or -errno; err is valid for the call only and holds the reason when r < 0. */
typedef void (*completion_done)(struct completion *completion, int r, const struct err *err);

/* Embedded in the caller's object, which has to live until `done`. */
struct completion {
	completion_done done;
};
