/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/list.h"

#include "tests/lib/unit.h"

struct item {
	int value;
	struct list link;
};

static int sum(struct list *head)
{
	int digits = 0;

	list_foreach(i, head, struct item, link)
		digits = digits * 10 + i->value;
	return digits;
}

static void a_ring_keeps_its_order(void **state)
{
	struct item items[] = { { .value = 1 }, { .value = 2 }, { .value = 3 } };
	struct list head;

	(void)state;
	list_init(&head);
	assert_true(list_is_empty(&head));
	assert_int_equal(sum(&head), 0);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		list_append(&head, &items[i].link);
	assert_int_equal(sum(&head), 123);
	assert_ptr_equal(list_first(&head, struct item, link), &items[0]);
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	assert_true(list_is_empty(&items[1].link));
	assert_int_equal(sum(&head), 13);
	list_append(&head, &items[1].link);
	assert_int_equal(sum(&head), 132);
}

static void the_current_element_may_be_freed(void **state)
{
	struct list head;

	(void)state;
	list_init(&head);
	for (int i = 0; i < 5; i++) {
		struct item *item = calloc(1, sizeof(*item));

		list_append(&head, &item->link);
	}
	list_foreach(item, &head, struct item, link) {
		list_remove(&item->link);
		free(item);
	}
	assert_true(list_is_empty(&head));
}

int test_list(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_keeps_its_order),
		cmocka_unit_test(the_current_element_may_be_freed),
	};

	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
