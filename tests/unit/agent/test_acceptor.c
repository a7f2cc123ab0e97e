/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/acceptor.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/unit/agent/plane.h"

static unsigned n_welcomed;

static void welcome(struct acceptor *acceptor, int fd)
{
	assert_string_equal(acceptor->name, "test");
	n_welcomed++;
	(void)close(fd);
}

static struct addr an_address(void)
{
	struct addr addr = { .kind = ADDR_UNIX };

	(void)snprintf(addr.path, sizeof(addr.path), "@kata-acceptor-test-%d", (int)getpid());
	return addr;
}

static void whoever_may_talk_to_us_is_welcome(void **state)
{
	struct plane *f = *state;
	struct addr addr = an_address();
	struct acceptor a, second;
	struct err err = ERR_INIT;
	int fds[3];

	n_welcomed = 0;
	acceptor_init(&a, "test", f->loop, welcome);
	acceptor_init(&second, "test", f->loop, welcome);
	assert_return_code(acceptor_open(&a, &addr, 4, &err), 0);
	assert_true(acceptor_open(&second, &addr, 4, &err) < 0);
	for (int i = 0; i < 3; i++)
		assert_return_code(fds[i] = addr_connect(&addr, 1000, &err), 0);
	plane_turns(f);
	assert_int_equal(n_welcomed, 3);
	for (int i = 0; i < 3; i++)
		(void)close(fds[i]);
	acceptor_close(&second);
	acceptor_close(&a);
	acceptor_close(&a);
}

/* Without fds the loop must not spin, and the connection is taken when there are some again. */
static void accepting_is_tried_again(void **state)
{
	struct plane *f = *state;
	struct addr addr = an_address();
	struct rlimit limit, none;
	struct err err = ERR_INIT;
	struct acceptor a;
	int fd;

	n_welcomed = 0;
	acceptor_init(&a, "test", f->loop, welcome);
	assert_return_code(acceptor_open(&a, &addr, 4, &err), 0);
	assert_return_code(fd = addr_connect(&addr, 1000, &err), 0);
	assert_return_code(getrlimit(RLIMIT_NOFILE, &limit), errno);
	/* The timer takes the last one. */
	none = (struct rlimit){ .rlim_cur = (rlim_t)dup(fd), .rlim_max = limit.rlim_max };
	(void)close((int)none.rlim_cur);
	plane_short_timers = true;
	assert_return_code(setrlimit(RLIMIT_NOFILE, &none), errno);
	plane_turns(f);
	assert_int_equal(n_welcomed, 0);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &limit), errno);
	for (int left = 400; n_welcomed == 0 && left > 0; left--)
		assert_return_code(loop_turn(f->loop, 5), 0);
	assert_int_equal(n_welcomed, 1);
	(void)close(fd);
	acceptor_close(&a);
}

int test_acceptor(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whoever_may_talk_to_us_is_welcome, plane_setup, plane_teardown),
		cmocka_unit_test_setup_teardown(accepting_is_tried_again, plane_setup, plane_teardown),
	};

	return cmocka_run_group_tests_name("acceptor", tests, NULL, NULL);
}
