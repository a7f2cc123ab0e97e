/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/uevent.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

static void a_socket_is_subscribed(void **state)
{
	int fd = uevent_open();

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(uevent_drain(fd), 0);
	(void)close(fd);
}

static void events_are_waited_for_and_taken(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(uevent_wait(pair[0], 0), 0);
	assert_int_equal(uevent_wait(pair[0], 20), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(write(pair[1], "add@/devices/system/cpu/cpu2", 28), 28);
	assert_int_equal(uevent_wait(pair[0], 1000), 1);
	assert_int_equal(uevent_wait(pair[0], 0), 0);
	(void)close(pair[0]);
	(void)close(pair[1]);
	assert_int_equal(uevent_drain(pair[0]), -EBADF);
}

int test_uevent(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_is_subscribed),
		cmocka_unit_test(events_are_waited_for_and_taken),
	};

	return cmocka_run_group_tests_name("uevent", tests, NULL, NULL);
}
