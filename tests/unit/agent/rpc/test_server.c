/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

static void strangers_are_refused(void **state)
{
	struct fixture *f = *state;
	int fd, other;

	fake.refuse_peers = true;
	fd = fixture_connect(f);
	other = fixture_connect(f);
	fixture_expect_end(f, fd);
	fixture_expect_end(f, other);
	assert_int_equal(f->server->counters.refused, 2);
	assert_int_equal(fake.log_lines, 1);
	assert_non_null(strstr(fake.log, "fake stranger"));
	fake.refuse_peers = false;
	(void)close(fd);
	(void)close(other);
	fd = fixture_connect(f);
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void connections_have_a_limit(void **state)
{
	struct fixture *f = *state;
	int fds[RPC_CONNS_MAX + 1];

	for (int i = 0; i <= RPC_CONNS_MAX; i++)
		fds[i] = fixture_connect(f);
	assert_int_equal(f->server->n_conns, RPC_CONNS_MAX);
	fixture_expect_end(f, fds[RPC_CONNS_MAX]);
	assert_int_equal(f->server->counters.too_many, 1);
	fixture_expect_alive(f, fds[RPC_CONNS_MAX - 1]);
	/* One goes, one may come. */
	(void)close(fds[0]);
	(void)close(fds[RPC_CONNS_MAX]);
	fixture_until(f, f->server->n_conns == RPC_CONNS_MAX - 1);
	fds[0] = fixture_connect(f);
	fixture_expect_alive(f, fds[0]);
	for (int i = 0; i < RPC_CONNS_MAX; i++)
		(void)close(fds[i]);
}

static void the_longest_silent_makes_room(void **state)
{
	struct fixture *f = *state;
	Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;
	int fds[RPC_CONNS_MAX + 1];

	req.container_id = req.exec_id = (char *)"web";
	for (int i = 0; i < RPC_CONNS_MAX; i++)
		fds[i] = fixture_connect(f);
	usleep(2000);
	fixture_expect_alive(f, fds[0]);
	fixture_send(f, fds[1], 1, AGENT, "WaitProcess", 0, &req.base);
	usleep(2000);
	f->server->silent_ms = 1;
	fds[RPC_CONNS_MAX] = fixture_connect(f);
	fixture_expect_end(f, fds[2]);
	fixture_until(f, f->server->n_conns == RPC_CONNS_MAX);
	fixture_expect_alive(f, fds[RPC_CONNS_MAX]);
	fixture_expect_alive(f, fds[0]);
	assert_int_equal(f->server->counters.silent, 1);
	assert_int_equal(f->server->counters.too_many, 0);
	for (int i = 0; i <= RPC_CONNS_MAX; i++)
		(void)close(fds[i]);
}

static void no_fds_refuses_and_goes_on(void **state)
{
	struct fixture *f = *state;
	int fd;

	fake.no_fds = true;
	fd = fixture_connect(f);
	fixture_expect_end(f, fd);
	assert_int_equal(f->server->counters.too_many, 1);
	assert_true(f->server->reserve_fd >= 0);
	(void)close(fd);
	fd = fixture_connect(f);
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void no_fds_and_no_reserve_tries_later(void **state)
{
	struct fixture *f = *state;
	int fd, reserve = f->server->reserve_fd;

	f->server->reserve_fd = -1;
	fake.no_fds = true;
	fake.short_timers = true;
	fd = fixture_connect(f);
	assert_int_equal(f->server->n_conns, 0);
	assert_int_equal(f->server->listener.events, 0);
	fixture_until(f, f->server->n_conns == 1);
	fixture_expect_alive(f, fd);
	f->server->reserve_fd = reserve;
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_server(void)
{
	const struct CMUnitTest tests[] = {
		T(strangers_are_refused),      T(connections_have_a_limit),          T(the_longest_silent_makes_room),
		T(no_fds_refuses_and_goes_on), T(no_fds_and_no_reserve_tries_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
