/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hostcgroup/plan.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static void who_makes_what_and_what_goes_where(void **state)
{
	static const struct {
		const char *path;
		bool only, unified;
		enum hostcgroup_manager manager;
		enum hostcgroup_part part;
		const char *sandbox, *overhead;
	} rows[] = {
		{ NULL, false, false, HOSTCGROUP_NONE, HOSTCGROUP_PROCESS, NULL, NULL },
		{ "", true, true, HOSTCGROUP_NONE, HOSTCGROUP_PROCESS, NULL, NULL },
		{ "/a/b", false, false, HOSTCGROUP_FS, HOSTCGROUP_THREADS, "/a/b", "/kata_overhead/web" },
		{ "a//b/", false, false, HOSTCGROUP_FS, HOSTCGROUP_THREADS, "/a/b", "/kata_overhead/web" },
		{ "/a/b", false, true, HOSTCGROUP_FS, HOSTCGROUP_PROCESS, "/a/b", "/kata_overhead/web" },
		{ "/a/b", true, false, HOSTCGROUP_FS, HOSTCGROUP_PROCESS, "/a/b", NULL },
		{ "machine.slice:libpod:1", false, false, HOSTCGROUP_SYSTEMD, HOSTCGROUP_PROCESS,
		  "/machine.slice/libpod-1.scope", "/kata.slice/kata-overhead.slice/kata-runtime-web.scope" },
		{ "machine.slice:libpod:1", false, true, HOSTCGROUP_SYSTEMD, HOSTCGROUP_PROCESS,
		  "/machine.slice/libpod-1.scope", "/kata.slice/kata-overhead.slice/kata-runtime-web.scope" },
		{ "machine.slice:libpod:1", true, true, HOSTCGROUP_SYSTEMD, HOSTCGROUP_PROCESS,
		  "/machine.slice/libpod-1.scope", NULL },
	};
	_autoarena_ struct arena arena = { .max = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct hostcgroup_plan plan;

		assert_int_equal(
			hostcgroup_plan_of(&arena, rows[i].path, "web", rows[i].only, rows[i].unified, &plan, NULL), 0);
		assert_int_equal(plan.manager, rows[i].manager);
		assert_int_equal(plan.part, rows[i].part);
		assert_int_equal(plan.sandbox != NULL, rows[i].sandbox != NULL);
		assert_int_equal(plan.overhead != NULL, rows[i].overhead != NULL);
		if (plan.sandbox)
			assert_string_equal(plan.sandbox, rows[i].sandbox);
		if (plan.overhead)
			assert_string_equal(plan.overhead, rows[i].overhead);
	}
}

static void paths_that_lead_elsewhere(void **state)
{
	static const char *const paths[] = { "/", "//", "/a/../b", "..", "./a", "a:b", "a:b:c:d", "a.b:c:d" };
	_autoarena_ struct arena arena = { .max = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct err err = ERR_INIT;
		struct hostcgroup_plan plan;

		assert_int_equal(hostcgroup_plan_of(&arena, paths[i], "web", false, false, &plan, &err), -EINVAL);
		assert_true(err.text[0] != '\0');
	}
}

int test_plan(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_makes_what_and_what_goes_where),
		cmocka_unit_test(paths_that_lead_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
