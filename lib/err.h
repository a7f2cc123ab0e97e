/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors that say why: an errno and a text that names the operation and the object. Functions whose reason must reach
 * the host take a `struct err *` as their last parameter; it may be NULL. The caller owns it. The text lives inside the
 * struct, so that "out of memory" can be told without memory and an error crosses a socket as it is.
 */
#pragma once

#include <stdarg.h>

#include "lib/mem.h"

#define ERR_TEXT_MAX 1024 /* bytes with the NUL; longer texts are cut */

struct err {
	int num; /* errno value, 0 = no error yet */
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT                                                                                                       \
	{                                                                                                              \
		.num = 0, .text = ""                                                                                   \
	}

/* Stores "<text>: <strerror(num)>" and returns -num; num 0 or below becomes EINVAL or its absolute value. */
int err_set(struct err *err, int num, const char *fmt, ...) _printf_(3, 4);

/* Stores the text alone, for errors whose reason is not a kernel's; returns -num. */
int err_say(struct err *err, int num, const char *fmt, ...) _printf_(3, 4);

/* Puts "<context>: " in front of the text that is there; returns -num of the error. */
int err_wrap(struct err *err, const char *fmt, ...) _printf_(2, 3);

/* Copies an error to another one; either may be NULL. Returns -num. */
int err_copy(struct err *to, const struct err *from);

/* The text, or the errno's text if there is none; never NULL. */
const char *err_text(const struct err *err);
