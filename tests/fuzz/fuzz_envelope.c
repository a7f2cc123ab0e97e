/* SPDX-License-Identifier: Apache-2.0 */
/* ttrpc.Request and ttrpc.Response, read by hand; libprotobuf-c must not refuse what we take. */
#include <string.h>

#include "proto/envelope.h"
#include "proto/ttrpc.pb-c.h"
#include "tests/fuzz/fuzz.h"

static void check_payload(const uint8_t *data, size_t size, const uint8_t *payload, size_t len)
{
	FUZZ_CHECK(payload >= data && len <= size && payload + len <= data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envelope_response res = { .message = NULL };
	struct envelope_request req = { .service = NULL };
	struct arena arena;

	arena_init(&arena, size + (1u << 20));
	if (envelope_request_unpack(&arena, data, size, &req) == 0) {
		check_payload(data, size, req.payload, req.payload_len);
		FUZZ_CHECK(strlen(req.service) + strlen(req.method) <= size);
	}
	if (envelope_response_unpack(&arena, data, size, &res) == 0) {
		check_payload(data, size, res.payload, res.payload_len);
		FUZZ_CHECK(strlen(res.message) <= size);
	}
	arena_done(&arena);
	return 0;
}
