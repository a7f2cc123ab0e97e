/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/oci_update.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static int make(struct arena *arena, struct oci_resources **ret, struct err *err, int argc, char **argv)
{
	struct oci_update_options o = { 0 };
	int r = flags_parse(oci_update_flags, &o, false, &argc, argv, err);

	return r < 0 ? r : oci_update_make(arena, &o, ret, err);
}

/* What is not given is 0, which means "leave alone". */
static void options_become_resources(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	char memory[] = "--memory=64M", quota[] = "--cpu-quota=-1", pids[] = "--pids-limit=7",
	     cpus[] = "--cpuset-cpus=0-1";
	char *argv[] = { memory, quota, pids, cpus };
	struct oci_resources *res = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(make(&arena, &res, &err, 4, argv), 0);
	assert_int_equal(res->memory->limit, 64 << 20);
	assert_int_equal(res->memory->swap, 0);
	assert_int_equal(res->cpu->quota, -1);
	assert_int_equal(res->cpu->period, 0);
	assert_string_equal(res->cpu->cpus, "0-1");
	assert_true(res->has_pids);
	assert_int_equal(res->pids_limit, 7);
}

static void bad_values_are_named(void **state)
{
	static const struct {
		const char *option, *text;
	} cases[] = {
		{ "--memory=lots", "'lots' for --memory" },
		{ "--memory-swap=1x", "--memory-swap" },
		{ "--blkio-weight=1001", "1001 for --blkio-weight" },
		{ "--cpu-share=-1", "--cpu-share" },
		{ "--cpu-idle=2", "--cpu-idle" },
		{ "--l3-cache-schema=L3:0=f", "RDT" },
		{ "--resources=/nonexistent", "/nonexistent" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_autoarena_ struct arena arena = { 0 };
		_autofree_ char *option = strdup(cases[i].option);
		char *argv[] = { option };
		struct oci_resources *res = NULL;
		struct err err = ERR_INIT;

		assert_true(make(&arena, &res, &err, 1, argv) < 0);
		assert_non_null(strstr(err_text(&err), cases[i].text));
		assert_null(res);
	}
}

int test_oci_update(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_become_resources),
		cmocka_unit_test(bad_values_are_named),
	};

	return cmocka_run_group_tests_name("oci_update", tests, NULL, NULL);
}
