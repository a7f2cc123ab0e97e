/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/buf.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static void an_empty_buffer_is_an_empty_string(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	assert_string_equal(buf_str(&b), "");
	buf_consume(&b, 5);
	buf_done(&b);
	buf_done(&b);
}

static void bytes_go_in_behind_and_out_in_front(void **state)
{
	_autobuf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_add(&b, "hello ", 6), 0);
	assert_int_equal(buf_printf(&b, "%s-%d", "world", 42), 0);
	assert_string_equal(buf_str(&b), "hello world-42");
	buf_consume(&b, 6);
	assert_string_equal(buf_str(&b), "world-42");
	assert_int_equal(b.len, 8);
	buf_consume(&b, 100);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
}

static void a_stream_through_it_stays_whole(void **state)
{
	_autobuf_ struct buf b = BUF_INIT;
	uint8_t in = 0, out = 0;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		for (int i = 0; i < 7; i++, in++)
			assert_int_equal(buf_add(&b, &in, 1), 0);
		for (int i = 0; i < 5; i++, out++) {
			assert_int_equal(b.data[0], out);
			buf_consume(&b, 1);
		}
		assert_int_equal(b.data[b.len], 0);
	}
	assert_int_equal(b.len, 4000);
}

static void the_ceiling_holds(void **state)
{
	_autobuf_ struct buf b = { .max = 10 };

	(void)state;
	assert_int_equal(buf_add(&b, "0123456789", 10), 0);
	assert_int_equal(buf_add(&b, "x", 1), -EMSGSIZE);
	assert_int_equal(buf_printf(&b, "x"), -EMSGSIZE);
	assert_string_equal(buf_str(&b), "0123456789");
	buf_consume(&b, 1);
	assert_int_equal(buf_add(&b, "x", 1), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
	b.max = 0;
	assert_int_equal(buf_reserve(&b, (64 << 20) + 1), -EMSGSIZE);
}

static void room_can_be_filled_by_hand(void **state)
{
	_autobuf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_reserve(&b, 5), 0);
	memcpy(b.data, "abcde", 5);
	buf_commit(&b, 3);
	assert_string_equal(buf_str(&b), "abc");
}

static void a_large_allocation_is_given_back(void **state)
{
	_autobuf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_reserve(&b, 100000), 0);
	buf_commit(&b, 0);
	assert_int_equal(buf_add(&b, "x", 1), 0);
	buf_consume(&b, 1);
	assert_int_equal(b.cap, 0);
	assert_string_equal(buf_str(&b), "");
}

int test_buf(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_is_an_empty_string),
		cmocka_unit_test(bytes_go_in_behind_and_out_in_front),
		cmocka_unit_test(a_stream_through_it_stays_whole),
		cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(room_can_be_filled_by_hand),
		cmocka_unit_test(a_large_allocation_is_given_back),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
