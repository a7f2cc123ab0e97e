/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For clang's static analyser only, which sees one file at a time: functions that always fail never return 0. Included
 * ahead of every file by the Makefile's tidy rule, never by a file.
 */
#pragma once

#include "lib/err.h"

#ifdef __clang_analyzer__
#define err_set(...)  ((void)(err_set)(__VA_ARGS__), -1)
#define err_say(...)  ((void)(err_say)(__VA_ARGS__), -1)
#define err_wrap(...) ((void)(err_wrap)(__VA_ARGS__), -1)
#endif
