/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/patience.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/unit.h"

#define MS 1000000ull

static void exact_is_exact(void **state)
{
	struct patience p;

	(void)state;
	patience_begin(&p, 8000, 100);
	assert_false(patience_wants_work(&p, 8000));
	patience_heard(&p, 8099);
	assert_false(patience_is_over(&p, 8099));
	assert_true(patience_is_over(&p, 8100));
}

static void silence_ends_it(void **state)
{
	struct patience p;

	(void)state;
	patience_begin(&p, 0, 100);
	assert_false(patience_is_over(&p, 100 + PATIENCE_QUIET_MS - 1));
	assert_true(patience_is_over(&p, 100 + PATIENCE_QUIET_MS));
	patience_heard(&p, 40000);
	assert_false(patience_is_over(&p, 100 + PATIENCE_QUIET_MS));
	assert_true(patience_is_over(&p, 40000 + PATIENCE_QUIET_MS));
}

/* When it is over for a guest whose CPUs want that part of the time, and that says a word now and then. */
static int64_t end_of(unsigned percent, int64_t word_ms)
{
	struct patience p;
	uint64_t wanted = 0;
	int64_t now;

	patience_begin(&p, 0, 0);
	for (now = 1; !patience_is_over(&p, now) && now < 10 * PATIENCE_BOOT_MS; now += 50) {
		wanted += 50 * MS * percent / 100;
		if (patience_wants_work(&p, now))
			patience_worked(&p, wanted, now);
		if (word_ms > 0 && now / word_ms != (now - 50) / word_ms)
			patience_heard(&p, now);
	}
	return now;
}

static void work_and_words_prolong_it(void **state)
{
	(void)state;
	assert_in_range(end_of(0, 0), PATIENCE_QUIET_MS, PATIENCE_QUIET_MS + 100);
	assert_in_range(end_of(30, 0), PATIENCE_QUIET_MS, PATIENCE_QUIET_MS + 100);
	assert_in_range(end_of(70, 0), PATIENCE_BOOT_MS, PATIENCE_BOOT_MS + 100);
	/* More than one CPU, all of the time. */
	assert_in_range(end_of(300, 0), PATIENCE_BOOT_MS, PATIENCE_BOOT_MS + 100);
	assert_in_range(end_of(0, PATIENCE_QUIET_MS - 1000), PATIENCE_BOOT_MS, PATIENCE_BOOT_MS + 100);
	assert_in_range(end_of(0, PATIENCE_QUIET_MS + 1000), PATIENCE_QUIET_MS, PATIENCE_QUIET_MS + 100);
}

/* A thread that has ended takes its time with it. */
static void time_that_goes_back_is_no_work(void **state)
{
	struct patience p;

	(void)state;
	patience_begin(&p, 0, 0);
	patience_worked(&p, 5000 * MS, 2000);
	assert_int_equal(p.alive, 2000);
	patience_worked(&p, 100 * MS, 4000);
	assert_int_equal(p.alive, 2000);
	patience_worked(&p, 2100 * MS, 6000);
	assert_int_equal(p.alive, 6000);
	/* No time has passed. */
	patience_worked(&p, 9000 * MS, 6000);
	assert_int_equal(p.alive, 6000);
}

/* What a child that does that has wanted, in hundredths of the time. */
static unsigned wanted_percent(bool spins)
{
	struct timespec begin, end;
	uint64_t first = 0, last = 0;
	pid_t pid = fork();
	int r, r2;

	assert_true(pid >= 0);
	while (pid == 0)
		if (!spins)
			(void)pause();
	(void)usleep(100000);
	r = patience_read_work(pid, &first);
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	(void)usleep(500000);
	r2 = patience_read_work(pid, &last);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (r == -ENOENT || r == -ENODATA)
		return UINT_MAX;
	assert_int_equal(r, 0);
	assert_int_equal(r2, 0);
	return (unsigned)((last - first) * 100 /
	                  (uint64_t)((end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec));
}

static void processes_tell_what_they_want(void **state)
{
	unsigned spinning = wanted_percent(true);
	uint64_t wanted = 7;

	(void)state;
	assert_int_equal(patience_read_work(-1, &wanted), -ENOENT);
	assert_int_equal(wanted, 7);
	if (spinning == UINT_MAX)
		skip();
	/* Also where others take all CPUs: it waits for them. */
	assert_in_range(spinning, 60, 140);
	assert_in_range(wanted_percent(false), 0, 30);
}

static void calls_have_the_time_of_the_boot(void **state)
{
	(void)state;
	assert_int_equal(patience_for_call(0, 0), 60000);
	assert_int_equal(patience_for_call(0, 15000), 60000);
	assert_int_equal(patience_for_call(0, 15001), 60004);
	assert_int_equal(patience_for_call(0, 149999), 599996);
	assert_int_equal(patience_for_call(0, 150000), PATIENCE_CALL_MAX);
	assert_int_equal(patience_for_call(0, UINT32_MAX), PATIENCE_CALL_MAX);
	assert_int_equal(patience_for_call(7, UINT32_MAX), 7000);
	assert_int_equal(patience_for_call(86400, 0), 86400000);
}

static void whoever_waits_for_all_waits_longer(void **state)
{
	(void)state;
	assert_int_equal(patience_longest(0, 0), PATIENCE_BOOT_MS + 3 * PATIENCE_CALL_MAX);
	assert_int_equal(patience_longest(8, 5), 8000 + 8000 + 60000 + 5000);
	assert_int_equal(patience_longest(86400, 86400), 3 * 86400000u + PATIENCE_CALL_MAX);
}

int test_patience(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_is_exact),
		cmocka_unit_test(silence_ends_it),
		cmocka_unit_test(work_and_words_prolong_it),
		cmocka_unit_test(time_that_goes_back_is_no_work),
		cmocka_unit_test(processes_tell_what_they_want),
		cmocka_unit_test(calls_have_the_time_of_the_boot),
		cmocka_unit_test(whoever_waits_for_all_waits_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
