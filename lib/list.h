/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive doubly linked ring. A `struct list` is both the head and the link that is embedded in an element; the ring
 * owns nothing. A link that was initialised or removed points at itself, so removing twice is harmless.
 */
#pragma once

#include <stdbool.h>

#include "lib/mem.h"

struct list {
	struct list *prev, *next;
};

/* Makes an empty ring, or a link that is in no ring. */
static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

/* True if the ring has no element, or the link is in no ring. */
static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts `item` at the end of the ring. */
static inline void list_append(struct list *head, struct list *item)
{
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

/* Puts `item` at the beginning of the ring. */
static inline void list_prepend(struct list *head, struct list *item)
{
	list_append(head->next, item);
}

/* Takes `item` out of its ring; harmless if it is in none. */
static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* Walks the ring; the current element may be removed and freed, others may not. */
#define list_foreach(pos, head, type, member)                                                                          \
	for (type *pos = container_of((head)->next, type, member),                                                     \
	          *pos##_next_ = container_of(pos->member.next, type, member);                                         \
	     &pos->member != (head); pos = pos##_next_, pos##_next_ = container_of(pos->member.next, type, member))

/* The first element of a ring that is not empty. */
#define list_first(head, type, member) container_of((head)->next, type, member)
