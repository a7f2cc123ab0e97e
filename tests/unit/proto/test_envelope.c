/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/envelope.h"

#include <errno.h>
#include <string.h>

#include "lib/ttrpc.h"
#include "proto/agent.pb-c.h"
#include "proto/ttrpc.pb-c.h"
#include "tests/lib/unit.h"

/* The frame's payload; checks the header. */
static const uint8_t *payload_of(const struct buf *b, uint32_t stream, uint8_t type, size_t *ret_len)
{
	struct ttrpc_header h;

	assert_true(b->len >= TTRPC_HEADER_SIZE);
	h = ttrpc_header_unpack(b->data);
	assert_int_equal(h.stream, stream);
	assert_int_equal(h.type, type);
	assert_int_equal(h.flags, 0);
	assert_int_equal(h.length, b->len - TTRPC_HEADER_SIZE);
	*ret_len = h.length;
	return b->data + TTRPC_HEADER_SIZE;
}

static void request_survives_the_round_trip(void **state)
{
	Grpc__StartContainerRequest msg = GRPC__START_CONTAINER_REQUEST__INIT;
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf b = BUF_INIT;
	struct envelope_request req;
	Ttrpc__Request *foreign;
	const uint8_t *p;
	size_t len;

	(void)state;
	msg.container_id = (char *)"web";
	assert_int_equal(envelope_request_pack(&b, 7, "grpc.AgentService", "StartContainer", -5, &msg.base), 0);
	p = payload_of(&b, 7, TTRPC_REQUEST, &len);
	assert_int_equal(envelope_request_unpack(&arena, p, len, &req), 0);
	assert_string_equal(req.service, "grpc.AgentService");
	assert_string_equal(req.method, "StartContainer");
	assert_int_equal(req.timeout_nano, -5);
	assert_int_equal(req.payload_len, 5);
	assert_memory_equal(req.payload, "\x0a\x03web", 5);

	/* libprotobuf-c reads the same, from what was written by hand */
	foreign = ttrpc__request__unpack(NULL, len, p);
	assert_non_null(foreign);
	assert_string_equal(foreign->service, "grpc.AgentService");
	assert_int_equal(foreign->timeout_nano, -5);
	assert_int_equal(foreign->payload.len, 5);
	ttrpc__request__free_unpacked(foreign, NULL);
}

static void response_survives_the_round_trip(void **state)
{
	Grpc__WaitProcessResponse msg = GRPC__WAIT_PROCESS_RESPONSE__INIT;
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf b = BUF_INIT;
	struct envelope_response res;
	Ttrpc__Response *foreign;
	const uint8_t *p;
	size_t len;

	(void)state;
	msg.status = 137;
	assert_int_equal(envelope_response_pack(&b, 3, RPC_OK, NULL, &msg.base), 0);
	p = payload_of(&b, 3, TTRPC_RESPONSE, &len);
	assert_memory_equal(p, "\x0a\x00\x12\x03\x08\x89\x01", 7);
	assert_int_equal(envelope_response_unpack(&arena, p, len, &res), 0);
	assert_int_equal(res.code, 0);
	assert_string_equal(res.message, "");
	assert_int_equal(res.payload_len, 3);

	buf_consume(&b, b.len);
	assert_int_equal(envelope_response_pack(&b, 5, RPC_NOT_FOUND, "no 'web'", NULL), 0);
	p = payload_of(&b, 5, TTRPC_RESPONSE, &len);
	assert_int_equal(envelope_response_unpack(&arena, p, len, &res), 0);
	assert_int_equal(res.code, RPC_NOT_FOUND);
	assert_string_equal(res.message, "no 'web'");
	assert_int_equal(res.payload_len, 0);
	foreign = ttrpc__response__unpack(NULL, len, p);
	assert_non_null(foreign);
	assert_int_equal(foreign->status->code, RPC_NOT_FOUND);
	assert_string_equal(foreign->status->message, "no 'web'");
	ttrpc__response__free_unpacked(foreign, NULL);
}

static void messages_are_made_utf8(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf b = BUF_INIT;
	struct envelope_response res;
	size_t len;
	const uint8_t *p;

	(void)state;
	assert_int_equal(envelope_response_pack(&b, 1, RPC_INTERNAL, "open '\xff\xc3\xbc\xc3'", NULL), 0);
	p = payload_of(&b, 1, TTRPC_RESPONSE, &len);
	assert_int_equal(envelope_response_unpack(&arena, p, len, &res), 0);
	assert_string_equal(res.message, "open '?\xc3\xbc?'");
}

static void too_long_is_told_and_nothing_appended(void **state)
{
	_autofree_ uint8_t *data = calloc(1, TTRPC_MESSAGE_MAX);
	Grpc__ReadStreamResponse msg = GRPC__READ_STREAM_RESPONSE__INIT;
	_autobuf_ struct buf b = BUF_INIT;
	/* keys and lengths around the data: 2 for the status, 5 for the payload, 5 for the data */
	const size_t most = TTRPC_MESSAGE_MAX - 2 - 5 - 5;

	(void)state;
	assert_non_null(data);
	msg.data.data = data;
	msg.data.len = most + 1;
	assert_int_equal(envelope_response_pack(&b, 1, RPC_OK, NULL, &msg.base), -EMSGSIZE);
	assert_int_equal(b.len, 0);
	msg.data.len = most;
	assert_int_equal(envelope_response_pack(&b, 1, RPC_OK, NULL, &msg.base), 0);
	assert_int_equal(b.len, TTRPC_HEADER_SIZE + TTRPC_MESSAGE_MAX);
}

#define LITERAL(s) (const uint8_t *)s, sizeof(s) - 1

static void bad_requests_are_refused(void **state)
{
	static const struct {
		const uint8_t *data;
		size_t len;
		int expected;
	} table[] = {
		{ LITERAL(""), 0 },
		{ LITERAL("\x0a\x01s\x12\x01m"), 0 },
		/* metadata and a field of the future are skipped */
		{ LITERAL("\x2a\x03xyz\x48\x01"), 0 },
		{ LITERAL("\x0a\x02s"), -EINVAL },
		{ LITERAL("\x0a\x02s\0"), -EINVAL },
		{ LITERAL("\x12\x01\xff"), -EINVAL },
		{ LITERAL("\x08\x01"), -EINVAL },
		{ LITERAL("\x18\x01"), -EINVAL },
		{ LITERAL("\x22\x01x"), -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct envelope_request req = { 0 };

		assert_int_equal(envelope_request_unpack(&arena, table[i].data, table[i].len, &req), table[i].expected);
		assert_int_equal(req.service != NULL, table[i].expected == 0);
	}
}

static void bad_responses_are_refused(void **state)
{
	static const struct {
		const uint8_t *data;
		size_t len;
		int expected;
	} table[] = {
		{ LITERAL(""), 0 },
		{ LITERAL("\x0a\x00"), 0 },
		/* status with details, which are skipped */
		{ LITERAL("\x0a\x05\x08\x05\x1a\x01x"), 0 },
		{ LITERAL("\x08\x00"), -EINVAL },
		{ LITERAL("\x0a\x02\x0a\x00"), -EINVAL },
		{ LITERAL("\x0a\x03\x12\x01\xff"), -EINVAL },
		{ LITERAL("\x0a\x02\x12\x05xxxxx"), -EINVAL },
		{ LITERAL("\x10\x01"), -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct envelope_response res = { 0 };

		assert_int_equal(envelope_response_unpack(&arena, table[i].data, table[i].len, &res),
		                 table[i].expected);
	}
}

static void codes_have_names(void **state)
{
	(void)state;
	assert_string_equal(rpc_code_name(0), "OK");
	assert_string_equal(rpc_code_name(16), "UNAUTHENTICATED");
	assert_null(rpc_code_name(17));
	assert_null(rpc_code_name(-1));
	for (int i = 0; i < RPC_CODE_MAX; i++)
		assert_non_null(rpc_code_name(i));
}

int test_envelope(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_survives_the_round_trip),
		cmocka_unit_test(response_survives_the_round_trip),
		cmocka_unit_test(messages_are_made_utf8),
		cmocka_unit_test(too_long_is_told_and_nothing_appended),
		cmocka_unit_test(bad_requests_are_refused),
		cmocka_unit_test(bad_responses_are_refused),
		cmocka_unit_test(codes_have_names),
	};

	return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
