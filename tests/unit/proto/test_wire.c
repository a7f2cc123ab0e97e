/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static const struct {
	const char *name;
	const uint8_t *data;
	size_t len;
	int expected; /* of the first wire_next */
	uint32_t tag;
	uint8_t type;
	uint64_t varint;
	size_t value_len;
} table[] = {
	{ "varint", BYTES(0x08, 0x96, 0x01), 1, 1, WIRE_VARINT, 150, 2 },
	{ "largest varint", BYTES(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), 1, 1, WIRE_VARINT,
	  UINT64_MAX, 10 },
	{ "varint of 11 bytes", BYTES(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), -EINVAL,
	  0, 0, 0, 0 },
	{ "cut varint", BYTES(0x08, 0x80), -EINVAL, 0, 0, 0, 0 },
	{ "no value", BYTES(0x08), -EINVAL, 0, 0, 0, 0 },
	{ "string", BYTES(0x12, 0x02, 'h', 'i'), 1, 2, WIRE_BYTES, 0, 2 },
	{ "empty string", BYTES(0x12, 0x00), 1, 2, WIRE_BYTES, 0, 0 },
	{ "cut string", BYTES(0x12, 0x03, 'h', 'i'), -EINVAL, 0, 0, 0, 0 },
	{ "length of 4 GiB", BYTES(0x12, 0xff, 0xff, 0xff, 0xff, 0x0f, 'x'), -EINVAL, 0, 0, 0, 0 },
	{ "64 bits", BYTES(0x09, 1, 2, 3, 4, 5, 6, 7, 8), 1, 1, WIRE_64BIT, 0, 8 },
	{ "cut 64 bits", BYTES(0x09, 1, 2, 3, 4, 5, 6, 7), -EINVAL, 0, 0, 0, 0 },
	{ "32 bits", BYTES(0x0d, 1, 2, 3, 4), 1, 1, WIRE_32BIT, 0, 4 },
	{ "cut 32 bits", BYTES(0x0d, 1, 2, 3), -EINVAL, 0, 0, 0, 0 },
	{ "group", BYTES(0x0b, 0x0c), -EINVAL, 0, 0, 0, 0 },
	{ "tag 0", BYTES(0x00, 0x00), -EINVAL, 0, 0, 0, 0 },
	{ "largest tag", BYTES(0xf8, 0xff, 0xff, 0xff, 0x0f, 0x07), 1, 0x1fffffff, WIRE_VARINT, 7, 1 },
	{ "tag too large", BYTES(0xf8, 0xff, 0xff, 0xff, 0x1f, 0x07), -EINVAL, 0, 0, 0, 0 },
};

static void each_form_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct wire w = { .pos = table[i].data, .end = table[i].data + table[i].len };
		struct wire_field f = { 0 };

		if (wire_next(&w, &f) != table[i].expected)
			fail_msg("%s", table[i].name);
		assert_int_equal(f.tag, table[i].tag);
		assert_int_equal(f.type, table[i].type);
		assert_true(f.varint == table[i].varint);
		assert_int_equal(f.len, table[i].value_len);
		if (table[i].expected == 1)
			assert_int_equal(wire_next(&w, &f), 0);
	}
}

int test_wire(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_read_or_refused),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
