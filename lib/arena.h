/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is freed all at once: the message of a request, a decoded spec. The owner sets a budget, so that a small
 * frame cannot make the agent allocate without end. No single free; memory comes zeroed.
 */
#pragma once

#include <stddef.h>

#include "lib/mem.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	size_t used; /* bytes handed out */
	size_t max;  /* budget in bytes, 0 = no limit */
};

#define _autoarena_ _cleanup_(arena_done)

/* Prepares an arena with a budget of max bytes (0 = none). */
void arena_init(struct arena *a, size_t max);

/* Frees everything that came from the arena; it can be used again. */
void arena_done(struct arena *a);

/* n zeroed bytes, aligned for any type; NULL when memory or budget is used up. */
void *arena_alloc(struct arena *a, size_t n);

/* Room for n elements of size bytes, checked for overflow; NULL as arena_alloc. */
void *arena_array(struct arena *a, size_t n, size_t size);

/* A copy of the string; NULL for NULL, and as arena_alloc. */
char *arena_strdup(struct arena *a, const char *s);

/* A copy of n bytes, with a NUL behind it; NULL as arena_alloc. */
void *arena_memdup(struct arena *a, const void *p, size_t n);

/* Formatted text in the arena; NULL as arena_alloc. */
char *arena_printf(struct arena *a, const char *fmt, ...) _printf_(2, 3);
