/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans of time as people write them: "5s", "1m 30s", "250ms", "2hours". Owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * Parses a span into nanoseconds; numbers with units add up. A number without a unit is refused, unless it is 0 or
 * plain_is_ns says that it counts nanoseconds. 0 or -EINVAL.
 */
int duration_parse(const char *text, bool plain_is_ns, uint64_t *ret_ns, struct err *err);
