/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

static void containers_are_listed(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__GetDiagnosticDataRequest req = GRPC__GET_DIAGNOSTIC_DATA_REQUEST__INIT;
	Grpc__GetDiagnosticDataResponse *reply;
	struct answer a;

	fake.init.pid = 42;
	fake.init.exit_code = 3;
	list_remove(&fake.exec.link);
	req.log_type = (char *)(uintptr_t) "containers";
	fixture_send(f, fd, 1, AGENT, "GetDiagnosticData", 0, &req.base);
	a = fixture_receive(f, fd);
	assert_int_equal(a.response.code, RPC_OK);
	reply = grpc__get_diagnostic_data_response__unpack(NULL, a.response.payload_len, a.response.payload);
	assert_string_equal(
		reply->data,
		"{\"containers\":[{\"id\":\"web\",\"state\":\"running\",\"pid\":42,\"exit_code\":3,"
		"\"processes\":[{\"id\":\"web\",\"pid\":42,\"state\":\"exited\",\"exit_code\":3,"
		"\"stdout_in\":100,\"stdout_out\":90,\"stderr_in\":50,\"stderr_out\":40,\"stdin_in\":33}]}]}");
	grpc__get_diagnostic_data_response__free_unpacked(reply, NULL);
	answer_done(&a);
	(void)close(fd);
}

static void others_are_refused(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__GetDiagnosticDataRequest req = GRPC__GET_DIAGNOSTIC_DATA_REQUEST__INIT;

	fixture_call(f, fd, "GetDiagnosticData", &req.base, RPC_INVALID_ARGUMENT, "log type '' does not exist");
	req.log_type = (char *)(uintptr_t) "containers";
	req.container_id = (char *)(uintptr_t) "nowhere";
	fixture_call(f, fd, "GetDiagnosticData", &req.base, RPC_INVALID_ARGUMENT, "Invalid container id");
	req.log_type = (char *)(uintptr_t) "termination_log";
	fixture_call(f, fd, "GetDiagnosticData", &req.base, RPC_INVALID_ARGUMENT, "Invalid container id");
	(void)close(fd);
}

static void termination_log_of_a_container(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__GetDiagnosticDataRequest req = GRPC__GET_DIAGNOSTIC_DATA_REQUEST__INIT;
	struct oci_mount mount = { .destination = (char *)(uintptr_t) "/log", .source = (char *)(uintptr_t) "/dev" };
	struct oci_pair pair = { (char *)(uintptr_t) "io.kubernetes.container.terminationMessagePath",
		                 mount.destination };
	struct oci_spec spec = { .mounts = &mount, .n_mounts = 1 };

	fake.config.spec = &spec;
	req.log_type = (char *)(uintptr_t) "termination_log";
	req.container_id = (char *)(uintptr_t) "web";
	fixture_call(f, fd, "GetDiagnosticData", &req.base, RPC_OK, "");
	spec.annotations = (struct oci_pairs){ &pair, 1 };
	fixture_call(f, fd, "GetDiagnosticData", &req.base, RPC_INTERNAL,
	             "read the termination log '/dev': Invalid argument");
	mount.source = (char *)(uintptr_t) "/no/such/log";
	fixture_call(f, fd, "GetDiagnosticData", &req.base, RPC_OK, "");
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_diag(void)
{
	const struct CMUnitTest tests[] = { T(containers_are_listed), T(others_are_refused),
		                            T(termination_log_of_a_container) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
