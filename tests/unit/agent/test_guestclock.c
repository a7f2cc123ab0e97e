/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guestclock.h"

#include <errno.h>
#include <linux/random.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/sys.h"
#include "tests/lib/unit.h"

/* What a machine would have been told. The real calls are never made here, fence or not. */
static struct {
	int result, file, bits;
	bool reseeded;
	struct timeval tv;
	char path[64];
} machine;

int __wrap_sys_settimeofday(const struct timeval *tv);
int __wrap_sys_open_machine_file(const char *path, int flags);
int __wrap_sys_ioctl(int fd, unsigned long request, void *arg);
int __real_sys_ioctl(int fd, unsigned long request, void *arg);

int __wrap_sys_settimeofday(const struct timeval *tv)
{
	machine.tv = *tv;
	return machine.result;
}

int __wrap_sys_open_machine_file(const char *path, int flags)
{
	assert_int_equal(flags & O_ACCMODE, O_WRONLY);
	assert_true(strlen(path) < sizeof(machine.path));
	strcpy(machine.path, path);
	return machine.result < 0 ? machine.result : dup(machine.file);
}

int __wrap_sys_ioctl(int fd, unsigned long request, void *arg)
{
	if (request != RNDADDTOENTCNT && request != RNDRESEEDCRNG)
		return __real_sys_ioctl(fd, request, arg);
	if (request == RNDADDTOENTCNT)
		machine.bits = *(int *)arg;
	else
		machine.reseeded = machine.bits > 0;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&machine, 0, sizeof(machine));
	machine.file = memfd_create("random", MFD_CLOEXEC);
	return machine.file < 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(machine.file);
}

static void the_time_is_set(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(guest_set_time(1700000000, 42, &err), 0);
	assert_int_equal(machine.tv.tv_sec, 1700000000);
	assert_int_equal(machine.tv.tv_usec, 42);
	machine.result = -EPERM;
	assert_int_equal(guest_set_time(1, 2, &err), -EPERM);
	assert_string_equal(err.text, "set the time to 1.000002: Operation not permitted");
}

/* The ioctl counts bits; bytes would credit an eighth. */
static void entropy_is_written_credited_and_used(void **state)
{
	char data[512], back[1024];
	struct err err = ERR_INIT;

	(void)state;
	memset(data, 'r', sizeof(data));
	assert_int_equal(guest_reseed(data, sizeof(data), &err), 0);
	assert_string_equal(machine.path, "/dev/random");
	assert_int_equal(pread(machine.file, back, sizeof(back), 0), sizeof(data));
	assert_memory_equal(back, data, sizeof(data));
	assert_int_equal(machine.bits, 4096);
	assert_true(machine.reseeded);
}

static void no_entropy_is_an_error(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(guest_reseed(NULL, 0, &err), -EINVAL);
	assert_string_equal(err.text, "reseed '/dev/random': 0 bytes of random data make no sense");
	machine.result = -EPERM;
	assert_int_equal(guest_reseed("x", 1, &err), -EPERM);
	assert_string_equal(err.text, "open '/dev/random': Operation not permitted");
	assert_false(machine.reseeded);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int test_guestclock(void)
{
	const struct CMUnitTest tests[] = {
		T(the_time_is_set),
		T(entropy_is_written_credited_and_used),
		T(no_entropy_is_an_error),
	};

	return cmocka_run_group_tests_name("guestclock", tests, NULL, NULL);
}
