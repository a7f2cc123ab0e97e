/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last lines of a guest's console, kept to tell why it did not boot: which stage it reached, and what is likely
 * wrong. Pure: bytes are fed by the owner, who embeds the struct.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

#define LASTLINES_MAX      12
#define LASTLINES_LINE_MAX 240

struct lastlines {
	char lines[LASTLINES_MAX][LASTLINES_LINE_MAX + 1]; /* a ring */
	size_t n;                                          /* lines that were complete, ever */
	char part[LASTLINES_LINE_MAX + 1];
	size_t part_len;
	int escape;                           /* how far we are in a terminal's sequence */
	char stage[LASTLINES_LINE_MAX + 1];   /* the last that our agent told */
	char trouble[LASTLINES_LINE_MAX + 1]; /* the first line that tells of one */
	bool is_listening;                    /* our agent said so */
	bool is_panic;                        /* what the kernel says after that helps nobody, and is not kept */
	bool is_firmware;                     /* it said something, which is not kept */
};

/* Takes bytes of the console; control characters and sequences are dropped, long lines cut. */
void lastlines_feed(struct lastlines *l, const char *data, size_t n);

/* The stage that was reached, in words; never NULL. */
const char *lastlines_stage(const struct lastlines *l);

/* The kernel's line of its panic, or NULL. */
const char *lastlines_panic(const struct lastlines *l);

/* What is likely wrong, in words; never NULL. */
const char *lastlines_cause(const struct lastlines *l, bool is_kvm);

/* Appends the last `max` lines, each with ` | ` before it; errors of buf_add. */
int lastlines_print(const struct lastlines *l, size_t max, struct buf *out);
