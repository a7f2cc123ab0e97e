/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

static void check_is_serving(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__HealthCheckResponse *reply;
	struct answer a;

	fixture_send(f, fd, 1, HEALTH, "Check", 0, NULL);
	a = fixture_receive(f, fd);
	reply = grpc__health_check_response__unpack(NULL, a.response.payload_len, a.response.payload);
	assert_int_equal(reply->status, GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
	grpc__health_check_response__free_unpacked(reply, NULL);
	answer_done(&a);
	(void)close(fd);
}

static void version_is_told(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__VersionCheckResponse *reply;
	struct answer a;

	fixture_send(f, fd, 1, HEALTH, "Version", 0, NULL);
	a = fixture_receive(f, fd);
	reply = grpc__version_check_response__unpack(NULL, a.response.payload_len, a.response.payload);
	assert_string_equal(reply->grpc_version, "0.0.1");
	assert_string_equal(reply->agent_version, KATA_VERSION);
	grpc__version_check_response__free_unpacked(reply, NULL);
	answer_done(&a);
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_health(void)
{
	const struct CMUnitTest tests[] = { T(check_is_serving), T(version_is_told) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
