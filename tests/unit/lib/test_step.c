/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/step.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

/* Applied in the order of their numbers; the one that shall fails. */
struct world {
	int next, fails_at;
};

static int apply(const struct step *step, void *context, struct err *err)
{
	struct world *w = context;

	if (step->number != w->next)
		return err_say(err, EINVAL, "out of order");
	if (w->next == w->fails_at)
		return err_say(err, ENOSPC, "step %d on '%s'", step->number, step->target);
	w->next++;
	/* More than 0 is no failure. */
	return step->number % 2;
}

static const struct step_kind kind = { "do", apply };

static void plan(struct arena *arena, struct step_list *list, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(step_add(arena, list, &(struct step){ .kind = &kind, .target = "t", .number = i }), 0);
	assert_int_equal(list->n, n);
}

/* More than the list has room for at first. */
static void all_are_applied_in_order(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	struct step_list list = { .n = 0 };
	struct world w = { .fails_at = -1 };
	size_t done = 99;

	(void)state;
	assert_int_equal(step_list_apply(&list, &w, &done, NULL), 0);
	assert_int_equal(done, 0);
	plan(&arena, &list, 100);
	assert_int_equal(step_list_apply(&list, &w, &done, NULL), 0);
	assert_int_equal(done, 100);
	assert_int_equal(w.next, 100);
	w.next = 0;
	assert_int_equal(step_list_apply(&list, &w, NULL, NULL), 0);
}

/* Whoever undoes has to know how many there are. */
static void the_first_that_fails_is_the_last(void **state)
{
	static const int table[] = { 0, 1, 15, 16, 19 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autoarena_ struct arena arena = { .max = 0 };
		struct step_list list = { .n = 0 };
		struct world w = { .fails_at = table[i] };
		struct err err = ERR_INIT;
		size_t done = 99;

		plan(&arena, &list, 20);
		assert_int_equal(step_list_apply(&list, &w, &done, &err), -ENOSPC);
		assert_int_equal(done, table[i]);
		assert_int_equal(w.next, table[i]);
		assert_non_null(strstr(err_text(&err), "on 't'"));
	}
}

static void what_is_nothing_is_not_printed(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	_autobuf_ struct buf out = BUF_INIT, little = { .max = 8 };
	struct step_list list = { .n = 0 };

	(void)state;
	assert_int_equal(step_add(&arena, &list, &(struct step){ .kind = &kind }), 0);
	assert_int_equal(step_add(&arena, &list,
	                          &(struct step){ .kind = &kind,
	                                          .source = "s",
	                                          .target = "t",
	                                          .type = "y",
	                                          .data = "d",
	                                          .flags = 0x10,
	                                          .clear = 1,
	                                          .number = -3 }),
	                 0);
	assert_int_equal(step_list_print(&list, &out), 0);
	assert_string_equal(buf_str(&out), "do\ndo source=s target=t type=y data=d flags=0x10 clear=0x1 number=-3\n");
	assert_true(step_list_print(&list, &little) < 0);
}

/* What is there stays. */
static void a_full_arena_is_an_error(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	struct step_list list = { .n = 0 };
	int r = 0, n = 0;

	(void)state;
	arena_init(&arena, 8192);
	while (n < 10000 && r == 0) {
		r = step_add(&arena, &list, &(struct step){ .kind = &kind, .number = n });
		n += r == 0;
	}
	assert_int_equal(r, -ENOMEM);
	assert_int_equal(list.n, n);
	for (int i = 0; i < n; i++)
		assert_int_equal(list.v[i].number, i);
}

int test_step(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_applied_in_order),
		cmocka_unit_test(the_first_that_fails_is_the_last),
		cmocka_unit_test(what_is_nothing_is_not_printed),
		cmocka_unit_test(a_full_arena_is_an_error),
	};

	return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
