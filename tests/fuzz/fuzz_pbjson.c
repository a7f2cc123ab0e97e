/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to any request of the agent (the first byte selects), over the wire and back: nothing may change. */
#include <errno.h>
#include <string.h>

#include "proto/agent.pb-c.h"
#include "proto/pbjson.h"
#include "proto/pbmem.h"
#include "tests/fuzz/fuzz.h"

static void check(struct arena *arena, const ProtobufCMessage *msg)
{
	_autobuf_ struct buf before = BUF_INIT, after = BUF_INIT;
	size_t len = protobuf_c_message_get_packed_size(msg);
	ProtobufCMessage *again = NULL;
	struct err err = ERR_INIT;
	uint8_t *bytes = arena_alloc(arena, len + 1);

	if (!bytes)
		return;
	FUZZ_CHECK(protobuf_c_message_pack(msg, bytes) == len);
	if (pb_unpack(msg->descriptor, arena, bytes, len, &again, &err) < 0) {
		FUZZ_CHECK(err.num == ENOBUFS);
		return;
	}
	FUZZ_CHECK(pbjson_format(msg, &before, NULL) == 0 && pbjson_format(again, &after, NULL) == 0);
	FUZZ_CHECK(strcmp(buf_str(&before), buf_str(&after)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCServiceDescriptor *service = &grpc__agent_service__descriptor;
	ProtobufCMessage *msg = NULL;
	struct arena arena;

	if (size == 0)
		return 0;
	arena_init(&arena, 64u << 20);
	if (pbjson_parse(service->methods[data[0] % service->n_methods].input, &arena, (const char *)data + 1, size - 1,
	                 &msg, NULL) == 0)
		check(&arena, msg);
	arena_done(&arena);
	return 0;
}
