/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns over text: `*` stands for any bytes but '/', `**` for any bytes at all, `?` for one byte but '/'. Everything
 * else stands for itself. A text that is longer than GLOB_TEXT_MAX matches nothing: the cost stays bounded. Pure.
 */
#pragma once

#include <stdbool.h>

#define GLOB_TEXT_MAX 4096 /* bytes */

/* True if the pattern is all of the text. */
bool glob_match(const char *pattern, const char *text);
