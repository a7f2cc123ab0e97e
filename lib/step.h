/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan, then apply: a list of steps that was planned from plain structs, can be printed and compared in tests, and is
 * applied later, often in another process. The list and its strings live in the planner's arena.
 */
#pragma once

#include <stdint.h>

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"

struct step;

/* Applies one step; `context` is what the module that planned it needs (its header says which struct). */
typedef int (*step_apply)(const struct step *step, void *context, struct err *err);

struct step_kind {
	const char *name; /* first word of the printed form: "mount", "mkdir" */
	step_apply apply;
};

/* The members mean what the kind says; those that are NULL or 0 are not printed. */
struct step {
	const struct step_kind *kind;
	const char *source, *target, *type, *data;
	uint64_t flags, clear;
	int number; /* index of a source tree, a mode, … */
	const void *object;
};

struct step_list {
	struct step *v;
	size_t n, cap;
};

/* Appends a copy of the step; -ENOMEM when arena or memory is used up. */
int step_add(struct arena *arena, struct step_list *list, const struct step *step);

/* One line per step: "<name> source=… target=… type=… data=… flags=0x… number=…". */
int step_list_print(const struct step_list *list, struct buf *out);

/* Applies in order until one fails; *ret_done (may be NULL) says how many worked. The error is the step's own. */
int step_list_apply(const struct step_list *list, void *context, size_t *ret_done, struct err *err);
