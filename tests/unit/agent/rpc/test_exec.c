/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

static char web[] = "web", nowhere[] = "nowhere", e2[] = "e2", empty[] = "";

static void exec_runs(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__ExecProcessRequest req = GRPC__EXEC_PROCESS_REQUEST__INIT;
	Grpc__Process process = GRPC__PROCESS__INIT;

	req.container_id = web;
	req.exec_id = e2;
	req.process = &process;
	fixture_send(f, fd, 1, AGENT, "ExecProcess", 0, &req.base);
	fixture_until(f, fake.pending);
	assert_string_equal(fake.executed->id, "e2");
	fake_complete(0);
	fixture_expect(f, fd, 1, RPC_OK, "");
	(void)close(fd);
}

static void exec_failures(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__ExecProcessRequest req = GRPC__EXEC_PROCESS_REQUEST__INIT;
	Grpc__Process process = GRPC__PROCESS__INIT;

	req.container_id = web;
	req.exec_id = empty;
	req.process = &process;
	fixture_call(f, fd, "ExecProcess", &req.base, RPC_INVALID_ARGUMENT, "exec in 'web': the exec id is empty");
	req.exec_id = e2;
	req.process = NULL;
	fixture_call(f, fd, "ExecProcess", &req.base, RPC_INTERNAL,
	             "exec 'e2' in 'web': the request has no process: Invalid argument");
	req.container_id = nowhere;
	fixture_call(f, fd, "ExecProcess", &req.base, RPC_INTERNAL, "Invalid container id");
	req.container_id = web;
	req.process = &process;
	fake.result = -EEXIST;
	fixture_call(f, fd, "ExecProcess", &req.base, RPC_INTERNAL, "fake reason");
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_exec(void)
{
	const struct CMUnitTest tests[] = { T(exec_runs), T(exec_failures) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
