/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest that was started from a snapshot gets from its host: the time of day and fresh entropy. Both are the
 * whole machine's, so outside of a guest they answer -EPERM (the fence). Stateless.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* Sets the wall clock. */
int guest_set_time(int64_t seconds, int64_t microseconds, struct err *err);

/* Feeds the bytes to the kernel's random generator, credits them, and has it reseed at once; -EINVAL for none. */
int guest_reseed(const void *data, size_t len, struct err *err);
