/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ttrpc.h"

#include <string.h>

#include "lib/buf.h"
#include "tests/lib/unit.h"

static void add_frame(struct buf *b, uint32_t stream, const char *payload)
{
	uint8_t head[TTRPC_HEADER_SIZE];

	ttrpc_header_pack(head, (uint32_t)strlen(payload), stream, TTRPC_REQUEST, 0);
	assert_int_equal(buf_add(b, head, sizeof(head)), 0);
	assert_int_equal(buf_add(b, payload, strlen(payload)), 0);
}

static void header_is_big_endian_both_ways(void **state)
{
	static const uint8_t expected[TTRPC_HEADER_SIZE] = { 0, 1, 2, 3, 0x80, 5, 6, 7, 2, 9 };
	uint8_t out[TTRPC_HEADER_SIZE];
	struct ttrpc_header h;

	(void)state;
	ttrpc_header_pack(out, 0x00010203, 0x80050607, TTRPC_RESPONSE, 9);
	assert_memory_equal(out, expected, sizeof(out));
	h = ttrpc_header_unpack(out);
	assert_int_equal(h.length, 0x00010203);
	assert_int_equal(h.stream, 0x80050607);
	assert_int_equal(h.type, TTRPC_RESPONSE);
	assert_int_equal(h.flags, 9);
}

/* Feeds in pieces of `piece` bytes and writes "stream:payload;" for each frame. */
static void cut(const struct buf *in, size_t piece, struct buf *out)
{
	struct ttrpc_cutter c = { 0 };

	for (size_t pos = 0; pos < in->len;) {
		size_t n = in->len - pos < piece ? in->len - pos : piece, used = 0;
		int event = ttrpc_cutter_feed(&c, in->data + pos, n, &used);

		pos += used;
		if (event == TTRPC_FRAME) {
			assert_int_equal(c.payload[c.header.length], 0);
			(void)buf_printf(out, "%u:%s;", c.header.stream, (const char *)c.payload);
		} else {
			assert_int_equal(event, TTRPC_NEED_MORE);
			assert_int_equal(used, n);
		}
	}
	assert_false(ttrpc_cutter_is_busy(&c));
	ttrpc_cutter_done(&c);
}

static void frames_come_out_however_they_are_fed(void **state)
{
	struct buf in = BUF_INIT;

	(void)state;
	add_frame(&in, 1, "hello");
	add_frame(&in, 3, "");
	add_frame(&in, 5, "a longer payload than the others");
	for (size_t piece = 1; piece <= in.len; piece++) {
		struct buf out = BUF_INIT;

		cut(&in, piece, &out);
		assert_string_equal(buf_str(&out), "1:hello;3:;5:a longer payload than the others;");
		buf_done(&out);
	}
	buf_done(&in);
}

static void feed_header(struct ttrpc_cutter *c, uint32_t length, int expected)
{
	uint8_t head[TTRPC_HEADER_SIZE];
	size_t used = 0;

	ttrpc_header_pack(head, length, 11, TTRPC_REQUEST, 0);
	assert_int_equal(ttrpc_cutter_feed(c, head, sizeof(head), &used), expected);
	assert_int_equal(used, sizeof(head));
	assert_int_equal(c->header.stream, 11);
	assert_int_equal(c->header.length, length);
}

static void the_longest_frame_is_accepted(void **state)
{
	uint8_t *payload = calloc(1, TTRPC_MESSAGE_MAX);
	struct ttrpc_cutter c = { 0 };
	size_t used = 0;

	(void)state;
	feed_header(&c, TTRPC_MESSAGE_MAX, TTRPC_NEED_MORE);
	assert_true(ttrpc_cutter_is_busy(&c));
	assert_int_equal(ttrpc_cutter_feed(&c, payload, TTRPC_MESSAGE_MAX, &used), TTRPC_FRAME);
	assert_int_equal(used, TTRPC_MESSAGE_MAX);
	ttrpc_cutter_done(&c);
	free(payload);
}

static void a_too_long_frame_is_told_once_and_skipped(void **state)
{
	uint8_t *payload = calloc(1, 1 << 20);
	struct ttrpc_cutter c = { 0 };
	struct buf next = BUF_INIT;
	size_t left = TTRPC_MESSAGE_MAX + 1, used = 0;

	(void)state;
	feed_header(&c, TTRPC_MESSAGE_MAX + 1, TTRPC_TOO_LONG);
	while (left > 10) {
		size_t n = left - 10 < 1 << 20 ? left - 10 : 1 << 20;

		assert_true(ttrpc_cutter_is_busy(&c));
		assert_int_equal(ttrpc_cutter_feed(&c, payload, n, &used), TTRPC_NEED_MORE);
		assert_int_equal(used, n);
		left -= n;
	}
	/* The end of it and a good frame in one piece. */
	assert_int_equal(buf_add(&next, payload, 10), 0);
	add_frame(&next, 13, "ok");
	assert_int_equal(ttrpc_cutter_feed(&c, next.data, next.len, &used), TTRPC_FRAME);
	assert_int_equal(used, next.len);
	assert_int_equal(c.header.stream, 13);
	assert_string_equal((const char *)c.payload, "ok");
	ttrpc_cutter_done(&c);
	buf_done(&next);
	free(payload);
}

static void beyond_hope_is_the_end(void **state)
{
	struct ttrpc_cutter c = { 0 };
	uint8_t byte = 0;
	size_t used = 1;

	(void)state;
	feed_header(&c, TTRPC_DISCARD_MAX, TTRPC_TOO_LONG);
	ttrpc_cutter_done(&c);
	feed_header(&c, TTRPC_DISCARD_MAX + 1, TTRPC_HOPELESS);
	assert_int_equal(ttrpc_cutter_feed(&c, &byte, 1, &used), TTRPC_HOPELESS);
	assert_int_equal(used, 0);
	ttrpc_cutter_done(&c);
}

static void no_bytes_are_no_frame(void **state)
{
	struct ttrpc_cutter c = { 0 };
	size_t used = 1;

	(void)state;
	assert_int_equal(ttrpc_cutter_feed(&c, NULL, 0, &used), TTRPC_NEED_MORE);
	assert_int_equal(used, 0);
	assert_false(ttrpc_cutter_is_busy(&c));
	ttrpc_cutter_done(&c);
}

int test_ttrpc(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_big_endian_both_ways),
		cmocka_unit_test(frames_come_out_however_they_are_fed),
		cmocka_unit_test(the_longest_frame_is_accepted),
		cmocka_unit_test(a_too_long_frame_is_told_once_and_skipped),
		cmocka_unit_test(beyond_hope_is_the_end),
		cmocka_unit_test(no_bytes_are_no_frame),
	};

	return cmocka_run_group_tests_name("ttrpc", tests, NULL, NULL);
}
