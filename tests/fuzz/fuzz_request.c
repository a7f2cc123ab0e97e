/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every request of the agent: the first byte selects the method, the rest is its message. What is decoded is converted
 * as the handlers do, and printed as JSON that must read back.
 */
#include <errno.h>

#include "proto/agent.pb-c.h"
#include "proto/pbjson.h"
#include "proto/pbmem.h"
#include "proto/pboci.h"
#include "tests/fuzz/fuzz.h"

static void convert(struct arena *arena, const ProtobufCMessage *msg)
{
	struct oci_resources *resources = NULL;
	struct oci_process *process = NULL;
	struct oci_spec *spec = NULL;
	Grpc__Spec *back = NULL;

	if (msg->descriptor == &grpc__create_container_request__descriptor) {
		const Grpc__Spec *oci = ((const Grpc__CreateContainerRequest *)msg)->oci;

		if (oci && pboci_spec_from_pb(arena, oci, &spec, NULL) == 0)
			FUZZ_CHECK(spec->linux && (pboci_spec_to_pb(arena, spec, &back, NULL) < 0 || back));
	} else if (msg->descriptor == &grpc__exec_process_request__descriptor) {
		(void)pboci_process_from_pb(arena, ((const Grpc__ExecProcessRequest *)msg)->process, &process, NULL);
	} else if (msg->descriptor == &grpc__update_container_request__descriptor) {
		(void)pboci_resources_from_pb(arena, ((const Grpc__UpdateContainerRequest *)msg)->resources, &resources,
		                              NULL);
	}
}

static void print_and_read(struct arena *arena, const ProtobufCMessage *msg)
{
	_autobuf_ struct buf text = BUF_INIT;
	ProtobufCMessage *again = NULL;
	struct err err = ERR_INIT;

	if (pbjson_format(msg, &text, NULL) == 0 &&
	    pbjson_parse(msg->descriptor, arena, buf_str(&text), text.len, &again, &err) < 0)
		FUZZ_CHECK(err.num == ENOMEM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCServiceDescriptor *service = &grpc__agent_service__descriptor;
	const ProtobufCMessageDescriptor *type;
	ProtobufCMessage *msg = NULL;
	struct arena arena;

	if (size == 0)
		return 0;
	type = service->methods[data[0] % service->n_methods].input;
	arena_init(&arena, size + PB_BUDGET);
	if (pb_unpack(type, &arena, data + 1, size - 1, &msg, NULL) == 0) {
		convert(&arena, msg);
		print_and_read(&arena, msg);
	}
	arena_done(&arena);
	return 0;
}
