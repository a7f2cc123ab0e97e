/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/streamport.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/unit/agent/plane.h"

static void too_many_are_refused_and_all_are_ended(void **state)
{
	struct plane *f = *state;
	struct addr addr = { .kind = ADDR_UNIX };
	int fds[STREAMPORT_CONNS_MAX + 1];
	uint8_t answer[KSTR_ANSWER_SIZE];
	struct err err = ERR_INIT;
	struct streamport *port;

	(void)snprintf(addr.path, sizeof(addr.path), "@kata-streamport-test-%d", (int)getpid());
	assert_return_code(streamport_new(&f->sandbox, &addr, &port, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = addr_connect(&addr, 1000, &err);
		assert_return_code(fds[i], 0);
		assert_return_code(fd_set_nonblock(fds[i], true), 0);
		assert_return_code(loop_turn(f->loop, 0), 0);
	}
	plane_receive(f, fds[STREAMPORT_CONNS_MAX], answer, sizeof(answer));
	assert_int_equal(answer[3], KSTR_RESOURCE_EXHAUSTED);
	plane_expect_end(f, fds[STREAMPORT_CONNS_MAX]);
	plane_expect_silence(f, fds[0]);
	/* One leaves: there is room for another one. */
	(void)close(fds[0]);
	plane_turns(f);
	fds[0] = addr_connect(&addr, 1000, &err);
	assert_return_code(fd_set_nonblock(fds[0], true), 0);
	plane_expect_silence(f, fds[0]);
	(void)streamport_free(port);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		plane_expect_end(f, fds[i]);
		(void)close(fds[i]);
	}
}

static void an_address_in_use_is_an_error(void **state)
{
	struct plane *f = *state;
	struct addr addr = { .kind = ADDR_UNIX };
	struct streamport *port, *second;
	struct err err = ERR_INIT;

	(void)snprintf(addr.path, sizeof(addr.path), "@kata-streamport-test-%d", (int)getpid());
	assert_return_code(streamport_new(&f->sandbox, &addr, &port, &err), 0);
	assert_true(streamport_new(&f->sandbox, &addr, &second, &err) < 0);
	(void)streamport_free(port);
}

int test_streamport(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(too_many_are_refused_and_all_are_ended, plane_setup, plane_teardown),
		cmocka_unit_test_setup_teardown(an_address_in_use_is_an_error, plane_setup, plane_teardown),
	};

	return cmocka_run_group_tests_name("streamport", tests, NULL, NULL);
}
