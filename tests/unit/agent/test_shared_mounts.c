/* SPDX-License-Identifier: Apache-2.0 */
/* What is decided without looking; tests/integration/storages2.sh shares mounts. */
#include "agent/shared_mounts.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static struct shared_mount from_to(const char *from, const char *to)
{
	return (struct shared_mount){ (char *)"m", (char *)"a", (char *)from, (char *)"b", (char *)to };
}

static void paths_are_checked(void **state)
{
	static const struct {
		const char *from, *to;
		int wanted;
	} rows[] = {
		{ "/a", "/b", 0 },      { "/", "/b", 0 },           { "/a", "/", -EINVAL },
		{ "a", "/b", -EINVAL }, { "/a", "b", -EINVAL },     { "/a/../b", "/", -EINVAL },
		{ "", "", -EINVAL },    { "/a", "/b/..", -EINVAL }, { "/a..b", "/c/d...", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct shared_mount m = from_to(rows[i].from, rows[i].to);
		struct err err = ERR_INIT;

		assert_int_equal(shared_mounts_check(&m, 1, &err), rows[i].wanted);
		if (rows[i].wanted < 0)
			assert_non_null(strstr(err.text, "shared mount 'm' from '"));
	}
}

static void their_number_is_limited(void **state)
{
	struct shared_mount many[SHARED_MOUNTS_MAX + 1];
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = from_to("/a", "/b");
	assert_int_equal(shared_mounts_check(many, SHARED_MOUNTS_MAX, &err), 0);
	assert_int_equal(shared_mounts_check(NULL, 0, &err), 0);
	assert_int_equal(shared_mounts_check(many, SHARED_MOUNTS_MAX + 1, &err), -E2BIG);
	assert_string_equal(err.text, "65 shared mounts, the most is 64");
}

int test_shared_mounts(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_checked),
		cmocka_unit_test(their_number_is_limited),
	};

	return cmocka_run_group_tests_name("shared_mounts", tests, NULL, NULL);
}
