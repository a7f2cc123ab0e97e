/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pbmem.h"

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "proto/agent.pb-c.h"
#include "tests/lib/unit.h"

#define LITERAL(s) s, sizeof(s) - 1

/* Decodes into a fresh arena with the usual budget and forgets the result. */
static int decode(const ProtobufCMessageDescriptor *type, const void *data, size_t len, struct err *err)
{
	_autoarena_ struct arena arena = { 0 };
	ProtobufCMessage *msg = NULL;

	arena_init(&arena, len + PB_BUDGET);
	return pb_unpack(type, &arena, data, len, &msg, err);
}

static void bad_input_is_refused_by_name(void **state)
{
	static const struct {
		const ProtobufCMessageDescriptor *type;
		const char *data;
		size_t len;
		const char *expected;
	} table[] = {
		{ &grpc__start_container_request__descriptor,
		  LITERAL("\x0a\x03"
		          "a\0b"),
		  "decode 'grpc.StartContainerRequest.container_id': contains a NUL" },
		{ &grpc__start_container_request__descriptor, LITERAL("\x0a\x01\xff"),
		  "decode 'grpc.StartContainerRequest.container_id': is not UTF-8" },
		{ &grpc__start_container_request__descriptor,
		  LITERAL("\x0a\x05"
		          "ab"),
		  "decode 'grpc.StartContainerRequest': malformed" },
		{ &grpc__start_container_request__descriptor, LITERAL("\x08\x05"),
		  "decode 'grpc.StartContainerRequest.container_id': wrong wire type" },
		{ &grpc__remove_container_request__descriptor, LITERAL("\x12\x01\x05"),
		  "decode 'grpc.RemoveContainerRequest.timeout': wrong wire type" },
		/* OCI.Process.Args, three levels down */
		{ &grpc__create_container_request__descriptor,
		  LITERAL("\x32\x07\x12\x05\x22\x03"
		          "\0ab"),
		  "decode 'grpc.Process.Args': contains a NUL" },
		{ &grpc__create_container_request__descriptor, LITERAL("\x32\x00\x32\x00"),
		  "decode 'grpc.CreateContainerRequest.OCI': given twice" },
		/* a map's value */
		{ &grpc__spec__descriptor, LITERAL("\x3a\x06\x0a\x01k\x12\x01\xc0"),
		  "decode 'grpc.Spec.AnnotationsEntry.value': is not UTF-8" },
		/* the inner message ends beyond the outer one */
		{ &grpc__create_container_request__descriptor, LITERAL("\x32\x02\x12\x05\x22\x03xyz"),
		  "decode 'grpc.Spec': malformed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(decode(table[i].type, table[i].data, table[i].len, &err), -EINVAL);
		assert_string_equal(err.text, table[i].expected);
	}
}

static void good_input_is_decoded(void **state)
{
	static const char data[] = "\x0a\x03web\x12\x05\xe2\x82\xac-x\xf8\x07\x01\xfa\x07\x02hi";
	_autoarena_ struct arena arena = { 0 };
	ProtobufCMessage *msg = NULL;
	Grpc__SignalProcessRequest *req;
	struct err err = ERR_INIT;

	(void)state;
	arena_init(&arena, sizeof(data) + PB_BUDGET);
	/* with two fields that nobody knows: a newer host may send them */
	assert_int_equal(
		pb_unpack(&grpc__signal_process_request__descriptor, &arena, data, sizeof(data) - 1, &msg, &err), 0);
	req = (Grpc__SignalProcessRequest *)msg;
	assert_string_equal(req->container_id, "web");
	assert_string_equal(req->exec_id, "\xe2\x82\xac-x");
	assert_int_equal(req->signal, 0);
	assert_int_equal(msg->n_unknown_fields, 2);

	assert_int_equal(pb_unpack(&grpc__signal_process_request__descriptor, &arena, "", 0, &msg, &err), 0);
	assert_string_equal(((Grpc__SignalProcessRequest *)msg)->container_id, "");
}

static void every_cut_of_a_message_is_survived(void **state)
{
	static const char data[] = "\x0a\x03web\x22\x09\x0a\x03vda\x12\x02sd\x32\x09\x12\x07\x22\x03top\x08\x01";
	unsigned refused = 0;

	(void)state;
	for (size_t len = 0; len < sizeof(data); len++)
		refused += decode(&grpc__create_container_request__descriptor, data, len, NULL) < 0;
	assert_in_range(refused, 20, sizeof(data) - 4);
}

/* n empty elements of CreateSandboxRequest.dns. */
static void add_elements(struct buf *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_add(b, "\x12\x00", 2), 0);
}

static void lists_have_a_limit(void **state)
{
	_autobuf_ struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	add_elements(&b, PB_LIST_MAX);
	assert_int_equal(decode(&grpc__create_sandbox_request__descriptor, b.data, b.len, &err), 0);
	add_elements(&b, 1);
	assert_int_equal(decode(&grpc__create_sandbox_request__descriptor, b.data, b.len, &err), -ENOBUFS);
	assert_string_equal(err.text, "decode 'grpc.CreateSandboxRequest.dns': too many elements");
}

static void packed_lists_have_the_same_limit(void **state)
{
	size_t len = PB_LIST_MAX + 1;
	_autofree_ uint8_t *data = calloc(1, len + 4);

	(void)state;
	assert_non_null(data);
	memcpy(data, "\x0a\x81\x80\x04", 4);
	assert_int_equal(decode(&grpc__add_swap_request__descriptor, data, len + 4, NULL), -ENOBUFS);
	memcpy(data, "\x0a\x80\x80\x04", 4);
	assert_int_equal(decode(&grpc__add_swap_request__descriptor, data, len + 3, NULL), 0);
}

/* Storages of many empty lists each: every list is legal, the sum is not. */
static void the_budget_bounds_what_a_small_frame_costs(void **state)
{
	_autobuf_ struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	while (b.len < (4u << 20) - 64)
		assert_int_equal(buf_add(&b,
		                         "\x2a\x40" /* storages, 64 bytes of empty driver_options */
		                         "\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0"
		                         "\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0"
		                         "\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0\x12\0",
		                         66),
		                 0);
	assert_int_equal(decode(&grpc__create_container_request__descriptor, b.data, b.len, &err), -ENOBUFS);
	assert_non_null(strstr(err.text, "decode 'grpc.CreateContainerRequest': needs more than"));
}

static void a_large_payload_fits_the_budget(void **state)
{
	size_t len = (4u << 20) - 64;
	_autofree_ uint8_t *data = calloc(1, len);
	Grpc__WriteStreamRequest req = GRPC__WRITE_STREAM_REQUEST__INIT;
	_autofree_ uint8_t *packed = malloc(len + 64);
	size_t n;

	(void)state;
	assert_non_null(data);
	assert_non_null(packed);
	req.container_id = (char *)"web";
	req.data.data = data;
	req.data.len = len;
	n = protobuf_c_message_pack(&req.base, packed);
	assert_int_equal(decode(&grpc__write_stream_request__descriptor, packed, n, NULL), 0);
}

struct node {
	ProtobufCMessage base;
	struct node *child;
};

/* None of our messages contains itself, so the depth is tried on one that does. */
static const ProtobufCMessageDescriptor node_type;

static void node_init(ProtobufCMessage *msg)
{
	*(struct node *)msg = (struct node){ .base = { .descriptor = &node_type } };
}

static const ProtobufCFieldDescriptor node_fields[] = {
	{ .name = "child",
	  .id = 1,
	  .label = PROTOBUF_C_LABEL_NONE,
	  .type = PROTOBUF_C_TYPE_MESSAGE,
	  .offset = offsetof(struct node, child),
	  .descriptor = &node_type },
};
static const ProtobufCIntRange node_ranges[] = { { 1, 0 }, { 0, 1 } };
static const unsigned node_names[] = { 0 };
static const ProtobufCMessageDescriptor node_type = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "test.Node",
	.short_name = "Node",
	.c_name = "Node",
	.package_name = "test",
	.sizeof_message = sizeof(struct node),
	.n_fields = 1,
	.fields = node_fields,
	.fields_sorted_by_name = node_names,
	.n_field_ranges = 1,
	.field_ranges = node_ranges,
	.message_init = node_init,
};

/* Puts a message with `levels` levels at the end of the memory and returns its start. */
static uint8_t *nest(uint8_t *end, unsigned levels)
{
	uint8_t *p = end;

	for (unsigned i = 1; i < levels; i++) {
		size_t len = (size_t)(end - p);

		if (len < 0x80) {
			*--p = (uint8_t)len;
		} else {
			p -= 3;
			p[0] = (uint8_t)(len | 0x80);
			p[1] = (uint8_t)(len >> 7 | 0x80);
			p[2] = (uint8_t)(len >> 14);
		}
		*--p = 0x0a;
	}
	return p;
}

static void depth_has_a_limit(void **state)
{
	static uint8_t room[400000];
	uint8_t *end = room + sizeof(room), *p;
	struct err err = ERR_INIT;

	(void)state;
	p = nest(end, PB_DEPTH_MAX);
	assert_int_equal(decode(&node_type, p, (size_t)(end - p), &err), 0);
	p = nest(end, PB_DEPTH_MAX + 1);
	assert_int_equal(decode(&node_type, p, (size_t)(end - p), &err), -EINVAL);
	assert_string_equal(err.text, "decode 'test.Node': nested more than 32 deep");
	p = nest(end, 90000);
	assert_int_equal(decode(&node_type, p, (size_t)(end - p), &err), -EINVAL);
}

int test_pbmem(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_input_is_refused_by_name),
		cmocka_unit_test(good_input_is_decoded),
		cmocka_unit_test(every_cut_of_a_message_is_survived),
		cmocka_unit_test(lists_have_a_limit),
		cmocka_unit_test(packed_lists_have_the_same_limit),
		cmocka_unit_test(the_budget_bounds_what_a_small_frame_costs),
		cmocka_unit_test(a_large_payload_fits_the_budget),
		cmocka_unit_test(depth_has_a_limit),
	};

	return cmocka_run_group_tests_name("pbmem", tests, NULL, NULL);
}
