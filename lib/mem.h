/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and ownership helpers: the cleanup attribute for malloc'ed memory, visible transfer of ownership, and the two
 * macros that everybody needs. No allocator of its own: request memory is in arena.h.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define _cleanup_(f)        __attribute__((cleanup(f)))
#define _autofree_          _cleanup_(mem_freep)
#define _unused_            __attribute__((unused))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))

/* Frees what the pointer at `p` points to; the cleanup function behind _autofree_. */
static inline void mem_freep(void *p)
{
	free(*(void **)p);
}

/* Hands the pointer over to the caller's caller: returns it and leaves NULL behind. */
#define take_ptr(p)                                                                                                    \
	({                                                                                                             \
		typeof(*(p)) taken_ = *(p);                                                                            \
		*(p) = NULL;                                                                                           \
		taken_;                                                                                                \
	})
