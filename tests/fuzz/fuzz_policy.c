/* SPDX-License-Identifier: Apache-2.0 */
/* A policy, judging a request of every method: a policy that can be read gives every request a verdict. */
#include <errno.h>
#include <string.h>

#include "agent/rpc/policy.h"
#include "proto/agent.pb-c.h"
#include "proto/pbjson.h"
#include "tests/fuzz/fuzz.h"

static const char container[] =
	"{\"container_id\": \"web\", \"storages\": [{\"driver\": \"blk\", \"options\": [\"ro\", \"../x\"]}, {}],"
	" \"OCI\": {\"Process\": {\"Args\": [\"sh\", \"-c\"], \"Env\": [\"A=b\"]}, \"Annotations\": {\"a\": \"b\", "
	"\"a.b\": \"\"},"
	"  \"Linux\": {\"Seccomp\": {\"Syscalls\": [{\"errnoret\": 38}, {}]}}}}";

static void judge(const struct policy *policy, const char *method, const ProtobufCMessage *request)
{
	struct err err = ERR_INIT;
	int r = policy_check(policy, method, request, &err);

	FUZZ_CHECK(r == 0 || (r == -EPERM && err.num == EPERM && err.text[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCServiceDescriptor *service = &grpc__agent_service__descriptor;
	struct policy *policy = NULL;
	ProtobufCMessage *msg = NULL;
	struct err err = ERR_INIT;
	struct arena arena;
	int r = policy_parse((const char *)data, size, &policy, &err);

	if (r < 0) {
		FUZZ_CHECK(!policy && err.num == -r && err.text[0]);
		return 0;
	}
	arena_init(&arena, 0);
	for (unsigned i = 0; i < service->n_methods; i++) {
		if (pbjson_parse(service->methods[i].input, &arena, "{}", 2, &msg, NULL) == 0)
			judge(policy, service->methods[i].name, msg);
		judge(policy, service->methods[i].name, NULL);
	}
	if (pbjson_parse(&grpc__create_container_request__descriptor, &arena, container, sizeof(container) - 1, &msg,
	                 NULL) == 0)
		judge(policy, "CreateContainer", msg);
	judge(policy, POLICY_DEBUG_CONSOLE, NULL);
	arena_done(&arena);
	(void)policy_free(policy);
	return 0;
}
