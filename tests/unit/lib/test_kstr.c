/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kstr.h"

#include <errno.h>
#include <string.h>

#include "lib/mem.h"
#include "tests/lib/unit.h"

static void bytes_are_what_is_written_down(void **state)
{
	static const uint8_t expected[] = { 'K', 'S', 'T', 'R', 1,   2,   0,   0, 0, 0,   0,  0,
		                            1,   2,   0,   3,   'w', 'e', 'b', 0, 2, 'e', '1' };
	uint8_t out[KSTR_HEADER_MAX], answer[KSTR_ANSWER_SIZE];
	struct kstr_header h;

	(void)state;
	assert_int_equal(kstr_header_pack(KSTR_STDERR, 0, 258, "web", "e1", out), sizeof(expected));
	assert_memory_equal(out, expected, sizeof(expected));
	assert_int_equal(kstr_header_parse(expected, sizeof(expected), &h), sizeof(expected));
	assert_int_equal(h.kind, KSTR_STDERR);
	assert_int_equal(h.offset, 258);
	assert_string_equal(h.cid, "web");
	assert_string_equal(h.eid, "e1");
	kstr_answer_pack(KSTR_NOT_FOUND, 0x0102, answer);
	assert_memory_equal(answer, "\0\0\0\5\0\0\0\0\0\0\1\2", sizeof(answer));
}

static void every_cut_waits_for_more(void **state)
{
	uint8_t out[KSTR_HEADER_MAX];
	struct kstr_header h;
	int n = kstr_header_pack(KSTR_STDIN, 0, UINT64_MAX, "container", "", out);

	(void)state;
	for (int k = 0; k < n; k++)
		assert_int_equal(kstr_header_parse(out, (size_t)k, &h), 0);
	assert_int_equal(kstr_header_parse(out, sizeof(out), &h), n);
	assert_int_equal(h.offset, UINT64_MAX);
	assert_string_equal(h.eid, "");
}

static void nonsense_is_refused_at_the_first_wrong_byte(void **state)
{
	static const struct {
		const char *name;
		size_t at;
		uint8_t byte;
		size_t refused_at; /* bytes that are enough to know */
	} rows[] = {
		{ "magic", 0, 'k', 1 },         { "end of magic", 3, 'X', 4 }, { "version 0", 4, 0, 5 },
		{ "version 2", 4, 2, 5 },       { "kind", 5, 3, 6 },           { "flag", 5, 0x21, 6 },
		{ "length of cid", 14, 4, 16 }, { "NUL", 17, 0, 19 },          { "not UTF-8", 16, 0xff, 19 },
		{ "length of eid", 19, 4, 21 },
	};
	uint8_t out[KSTR_HEADER_MAX];
	struct kstr_header h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(kstr_header_pack(KSTR_STDOUT, 0, 0, "web", "e1", out), 23);
		out[rows[i].at] = rows[i].byte;
		if (kstr_header_parse(out, rows[i].refused_at, &h) != -EINVAL)
			fail_msg("%s is not refused", rows[i].name);
		if (kstr_header_parse(out, rows[i].refused_at - 1, &h) != 0)
			fail_msg("%s is refused too early", rows[i].name);
	}
}

static void flags_stand_beside_the_kind(void **state)
{
	uint8_t out[KSTR_HEADER_MAX];
	struct kstr_header h;

	(void)state;
	assert_int_equal(kstr_header_pack(KSTR_STDERR, KSTR_TAKE_OVER | KSTR_WHOLE_PACKETS, 0, "web", "e1", out), 23);
	assert_int_equal(out[5], 0xc2);
	assert_int_equal(kstr_header_parse(out, 23, &h), 23);
	assert_int_equal(h.kind, KSTR_STDERR);
	assert_int_equal(h.flags, KSTR_TAKE_OVER | KSTR_WHOLE_PACKETS);
	out[5] = KSTR_TAKE_OVER | KSTR_KIND_MAX;
	assert_int_equal(kstr_header_parse(out, 23, &h), -EINVAL);
}

static void a_kibibyte_is_the_limit(void **state)
{
	char name[KSTR_HEADER_MAX + 1];
	uint8_t out[KSTR_HEADER_MAX];
	struct kstr_header h;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[KSTR_HEADER_MAX - 18] = '\0';
	assert_int_equal(kstr_header_pack(KSTR_STDOUT, 0, 0, name, "", out), KSTR_HEADER_MAX);
	assert_int_equal(kstr_header_parse(out, sizeof(out), &h), KSTR_HEADER_MAX);
	assert_string_equal(h.cid, name);
	assert_int_equal(kstr_header_pack(KSTR_STDOUT, 0, 0, name, "e", out), -ENAMETOOLONG);
	memset(name, 'x', sizeof(name) - 1);
	name[KSTR_HEADER_MAX] = '\0';
	assert_int_equal(kstr_header_pack(KSTR_STDOUT, 0, 0, name, name, out), -ENAMETOOLONG);
}

int test_kstr(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_what_is_written_down),
		cmocka_unit_test(every_cut_waits_for_more),
		cmocka_unit_test(nonsense_is_refused_at_the_first_wrong_byte),
		cmocka_unit_test(flags_stand_beside_the_kind),
		cmocka_unit_test(a_kibibyte_is_the_limit),
	};

	return cmocka_run_group_tests_name("kstr", tests, NULL, NULL);
}
