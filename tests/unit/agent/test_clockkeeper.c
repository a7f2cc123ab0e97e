/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/clockkeeper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/mem.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static struct {
	int64_t offset, slewed, stepped;
	int result;
	unsigned measured;
} fake_clock;

static int measure(int fd, int64_t *ret)
{
	assert_true(fd >= 0);
	fake_clock.measured++;
	*ret = fake_clock.offset;
	return fake_clock.result;
}

static int slew(int64_t offset)
{
	fake_clock.slewed = offset;
	return 0;
}

static int step(int64_t offset)
{
	fake_clock.stepped = offset;
	return 0;
}

static const struct clockkeeper_ops ops = { measure, slew, step };

static void offsets(void **state)
{
	static const struct {
		int64_t offset, slewed, stepped;
	} table[] = {
		{ 0, 0, 0 },
		{ CLOCKKEEPER_QUIET_NS - 1, 0, 0 },
		{ -(CLOCKKEEPER_QUIET_NS - 1), 0, 0 },
		{ CLOCKKEEPER_QUIET_NS, CLOCKKEEPER_QUIET_NS, 0 },
		{ -1000000, -1000000, 0 },
		{ CLOCKKEEPER_STEP_NS - 1, CLOCKKEEPER_STEP_NS - 1, 0 },
		{ CLOCKKEEPER_STEP_NS, 0, CLOCKKEEPER_STEP_NS },
		{ -3600000000000, 0, -3600000000000 },
	};
	struct loop *loop;

	(void)state;
	assert_return_code(loop_new(&loop), 0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct clockkeeper *k = NULL;

		memset(&fake_clock, 0, sizeof(fake_clock));
		fake_clock.offset = table[i].offset;
		assert_return_code(clockkeeper_new(loop, open("/dev/null", O_RDONLY | O_CLOEXEC), &ops, &k, NULL), 0);
		assert_int_equal(fake_clock.measured, 1);
		assert_int_equal(fake_clock.slewed, table[i].slewed);
		assert_int_equal(fake_clock.stepped, table[i].stepped);
		assert_int_equal(loop_count(loop), 1);
		assert_null(clockkeeper_free(k));
		assert_int_equal(loop_count(loop), 0);
	}
	(void)loop_free(loop);
}

static void a_clock_that_cannot_be_read_is_not_kept(void **state)
{
	struct clockkeeper *k = NULL;
	struct err err = ERR_INIT;
	struct loop *loop;

	(void)state;
	memset(&fake_clock, 0, sizeof(fake_clock));
	fake_clock.result = -EOPNOTSUPP;
	assert_return_code(loop_new(&loop), 0);
	assert_int_equal(clockkeeper_new(loop, 0, &ops, &k, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "keep the clock by the host's: Operation not supported");
	assert_null(k);
	assert_int_equal(loop_count(loop), 0);
	(void)loop_free(loop);
}

/* A network card's clock is none of the host's. */
static void the_hosts_clock_is_found(void **state)
{
	const struct tempdir *dir = *state;
	_autoclose_ int fd = -EBADF;

	assert_int_equal(clockkeeper_open(dir->path, dir->path), -ENODEV);
	assert_return_code(mkdirat(dir->fd, "ptp0", 0755), errno);
	assert_return_code(mkdirat(dir->fd, "ptp1", 0755), errno);
	tempdir_write(dir, "ptp0/clock_name", "e1000e\n");
	assert_int_equal(clockkeeper_open(dir->path, dir->path), -ENODEV);
	tempdir_write(dir, "ptp1/clock_name", "KVM virtual PTP\n");
	fd = clockkeeper_open(dir->path, "/nowhere");
	assert_int_equal(fd, -ENOENT);
	fd = clockkeeper_open(dir->path, dir->path);
	assert_true(fd >= 0);
}

int test_clockkeeper(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets),
		cmocka_unit_test(a_clock_that_cannot_be_read_is_not_kept),
		cmocka_unit_test_setup_teardown(the_hosts_clock_is_found, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
