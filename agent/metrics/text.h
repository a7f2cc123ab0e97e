/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus's text format: families and their samples, one after the other, in a buffer. Remembers the first failure,
 * so that a parser needs not check every line it writes. Pure.
 */
#pragma once

#include <stdint.h>

#include "lib/buf.h"

struct metrics {
	struct buf *out;
	const char *family; /* that samples belong to */
	int r;              /* 0, or -errno of the buffer */
};

/* Begins a family; type is "gauge" or "counter". The samples that follow are its own. */
void metrics_begin(struct metrics *m, const char *family, const char *type, const char *help);

/* Names and values of labels, in turns; a value may hold anything. */
#define METRICS_LABELS(...)                                                                                            \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

/* One sample: its value as text (left out unless it is a number) and METRICS_LABELS, or NULL. */
void metrics_sample(struct metrics *m, const char *value, const char *const *labels);

/* One sample without labels, or with one: "item". */
void metrics_number(struct metrics *m, uint64_t value, const char *item);

/* What was begun after `start` bytes had been written is taken back if it has no sample. */
void metrics_end(struct metrics *m, size_t start);
