/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/tsc.h"

#include "tests/lib/unit.h"

/* A loaded machine may not spoil it: both counters go on. */
static void two_measurements_agree(void **state)
{
	uint32_t a = tsc_khz(), b = tsc_khz();

	(void)state;
	if (a == 0)
		skip();
	assert_in_range(a, 100000, 10000000);
	assert_in_range(b, a - a / 20, a + a / 20);
}

int test_tsc(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(two_measurements_agree) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
