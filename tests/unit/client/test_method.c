/* SPDX-License-Identifier: Apache-2.0 */
#include "client/method.h"

#include <errno.h>

#include "tests/lib/unit.h"

static void names_in_all_their_forms(void **state)
{
	static const struct {
		const char *name, *service, *method;
	} rows[] = {
		{ "CreateContainer", "grpc.AgentService", "CreateContainer" },
		{ "grpc.AgentService/CreateContainer", "grpc.AgentService", "CreateContainer" },
		{ "AgentService.StartContainer", "grpc.AgentService", "StartContainer" },
		{ "Health.Check", "grpc.Health", "Check" },
		{ "grpc.Health/Check", "grpc.Health", "Check" },
		{ "grpc.Health.Version", "grpc.Health", "Version" },
		{ "Health.CreateContainer", NULL, NULL },
		{ "createcontainer", NULL, NULL },
		{ "", NULL, NULL },
		{ "/", NULL, NULL },
	};
	struct client_method m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = method_find(rows[i].name, &m);

		assert_int_equal(r, rows[i].service ? 0 : -ENOENT);
		if (r < 0)
			continue;
		assert_string_equal(m.service->name, rows[i].service);
		assert_string_equal(m.method->name, rows[i].method);
	}
}

static void every_method_is_listed(void **state)
{
	struct client_method m;
	size_t n = 0;

	(void)state;
	while (method_at(n, &m) == 0)
		n++;
	assert_int_equal(n, 42 + 2);
}

static void close_names_come_best_first(void **state)
{
	const char *names[3];

	(void)state;
	assert_int_equal(method_close_names("CreateContianer", names, 3), 1);
	assert_string_equal(names[0], "CreateContainer");
	assert_true(method_close_names("grpc.AgentService/readstdout", names, 3) >= 1);
	assert_string_equal(names[0], "ReadStdout");
	assert_true(method_close_names("Sandbox", names, 3) >= 2);
	assert_int_equal(method_close_names("qqqqqqqqqqqqqqq", names, 3), 0);
	assert_int_equal(
		method_close_names("CreateContainerCreateContainerCreateContainerCreateContainerCreateContainer", names,
	                           3),
		0);
}

int test_method(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_in_all_their_forms),
		cmocka_unit_test(every_method_is_listed),
		cmocka_unit_test(close_names_come_best_first),
	};

	return cmocka_run_group_tests_name("ctl/method", tests, NULL, NULL);
}
