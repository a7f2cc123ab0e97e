/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/arena.h"

#include <stdint.h>
#include <string.h>

#include "tests/lib/unit.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
	_autoarena_ struct arena a = { 0 };
	unsigned char *last = NULL;

	(void)state;
	arena_init(&a, 0);
	for (size_t n = 0; n < 300; n++) {
		unsigned char *p = arena_alloc(&a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		assert_ptr_not_equal(p, last);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
		last = p;
	}
}

static void the_budget_holds(void **state)
{
	_autoarena_ struct arena a = { 0 };

	(void)state;
	arena_init(&a, 1024);
	assert_non_null(arena_alloc(&a, 1024));
	assert_null(arena_alloc(&a, 1));
	assert_null(arena_alloc(&a, 0));
	arena_done(&a);
	assert_int_equal(a.used, 0);
	assert_non_null(arena_alloc(&a, 1));
	assert_null(arena_alloc(&a, 1024));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX / 2));
}

static void arrays_do_not_overflow(void **state)
{
	_autoarena_ struct arena a = { 0 };

	(void)state;
	arena_init(&a, 0);
	assert_null(arena_array(&a, SIZE_MAX / 2, 3));
	assert_non_null(arena_array(&a, 3, 100));
	assert_non_null(arena_array(&a, 0, 100));
	assert_non_null(arena_array(&a, 100, 0));
}

static void a_large_block_leaves_the_room_of_the_small(void **state)
{
	_autoarena_ struct arena a = { 0 };
	char *first, *large, *second;

	(void)state;
	arena_init(&a, 0);
	first = arena_alloc(&a, 16);
	large = arena_alloc(&a, 100000);
	memset(large, 1, 100000);
	second = arena_alloc(&a, 16);
	assert_ptr_equal(second, first + 16);
	assert_int_equal(second[0], 0);
}

static void copies_end_with_nul(void **state)
{
	_autoarena_ struct arena a = { 0 };
	char *p;

	(void)state;
	arena_init(&a, 0);
	assert_null(arena_strdup(&a, NULL));
	assert_string_equal(arena_strdup(&a, ""), "");
	assert_string_equal(arena_strdup(&a, "text"), "text");
	p = arena_memdup(&a, "a\0b", 3);
	assert_memory_equal(p, "a\0b", 4);
	assert_string_equal((char *)arena_memdup(&a, NULL, 0), "");
	assert_null(arena_memdup(&a, "", SIZE_MAX));
	assert_string_equal(arena_printf(&a, "%s-%d", "x", 7), "x-7");
}

static void texts_obey_the_budget(void **state)
{
	_autoarena_ struct arena a = { 0 };

	(void)state;
	arena_init(&a, 16);
	assert_null(arena_strdup(&a, "more than sixteen bytes"));
	assert_null(arena_printf(&a, "%s", "more than sixteen bytes"));
	assert_string_equal(arena_strdup(&a, "fits"), "fits");
}

int test_arena(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(the_budget_holds),
		cmocka_unit_test(arrays_do_not_overflow),
		cmocka_unit_test(a_large_block_leaves_the_room_of_the_small),
		cmocka_unit_test(copies_end_with_nul),
		cmocka_unit_test(texts_obey_the_budget),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
