/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

static void scrapes_are_counted(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	for (int i = 1; i <= 2; i++) {
		Grpc__Metrics *m;
		struct answer a;

		fixture_send(f, fd, 1, AGENT, "GetMetrics", 0, NULL);
		a = fixture_receive(f, fd);
		assert_string_equal(a.response.message, "");
		m = grpc__metrics__unpack(NULL, a.response.payload_len, a.response.payload);
		assert_non_null(
			strstr(m->metrics, i == 1 ? "\nkata_agent_scrape_count 1\n" : "\nkata_agent_scrape_count 2\n"));
		assert_non_null(strstr(m->metrics, "\nkata_guest_meminfo{item=\"mem_total\"} "));
		grpc__metrics__free_unpacked(m, NULL);
		answer_done(&a);
	}
	assert_int_equal(f->server->n_jobs, 0);
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_metrics(void)
{
	const struct CMUnitTest tests[] = {
		T(scrapes_are_counted),
	};

	return cmocka_run_group_tests_name("rpc metrics", tests, NULL, NULL);
}
