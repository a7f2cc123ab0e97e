/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/rpc/methods.h"
#include "lib/mem.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"
#include "tests/lib/unit.h"

/* Every method of the descriptors has its own row, in their order: find refuses a row of another name. */
static void every_method_has_its_row(void **state)
{
	const ProtobufCServiceDescriptor *services[] = { &grpc__agent_service__descriptor, &grpc__health__descriptor };
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		assert_ptr_equal(rpc_find_service(services[i]->name), services[i]);
		for (unsigned k = 0; k < services[i]->n_methods; k++, n++) {
			struct rpc_method method;

			if (rpc_find_method(services[i], services[i]->methods[k].name, &method) < 0)
				fail_msg("no row for '%s'", services[i]->methods[k].name);
			assert_ptr_equal(method.descriptor, &services[i]->methods[k]);
			assert_ptr_equal(method.service, services[i]);
		}
	}
	assert_int_equal(n, 42 + 2);
}

static void others_are_not_found(void **state)
{
	struct rpc_method method;

	(void)state;
	assert_null(rpc_find_service("grpc.agentservice"));
	assert_int_equal(rpc_find_method(&grpc__health__descriptor, "check", &method), -ENOENT);
	assert_int_equal(rpc_find_method(&grpc__health__descriptor, "", &method), -ENOENT);
}

int test_methods(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_has_its_row),
		cmocka_unit_test(others_are_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
