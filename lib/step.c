/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/step.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int step_add(struct arena *arena, struct step_list *list, const struct step *step)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		struct step *v = arena_array(arena, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		if (list->n > 0)
			memcpy(v, list->v, list->n * sizeof(*v));
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = *step;
	return 0;
}

static int print_text(struct buf *out, const char *key, const char *value)
{
	return value ? buf_printf(out, " %s=%s", key, value) : 0;
}

static int print_number(struct buf *out, const char *key, uint64_t value)
{
	return value ? buf_printf(out, " %s=0x%" PRIx64, key, value) : 0;
}

static int print_step(const struct step *s, struct buf *out)
{
	int r = buf_printf(out, "%s", s->kind->name);

	r = r < 0 ? r : print_text(out, "source", s->source);
	r = r < 0 ? r : print_text(out, "target", s->target);
	r = r < 0 ? r : print_text(out, "type", s->type);
	r = r < 0 ? r : print_text(out, "data", s->data);
	r = r < 0 ? r : print_number(out, "flags", s->flags);
	r = r < 0 ? r : print_number(out, "clear", s->clear);
	r = r < 0 || !s->number ? r : buf_printf(out, " number=%d", s->number);
	return r < 0 ? r : buf_add(out, "\n", 1);
}

int step_list_print(const struct step_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->n; i++) {
		int r = print_step(&list->v[i], out);

		if (r < 0)
			return r;
	}
	return 0;
}

int step_list_apply(const struct step_list *list, void *context, size_t *ret_done, struct err *err)
{
	int r = 0;
	size_t i;

	for (i = 0; i < list->n && r >= 0; i++)
		r = list->v[i].kind->apply(&list->v[i], context, err);
	if (ret_done)
		*ret_done = r < 0 ? i - 1 : i;
	return r < 0 ? r : 0;
}
