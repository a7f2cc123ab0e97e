/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bindmount.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static void a_path_and_a_mode(void **state)
{
	static const struct {
		const char *text, *path, *name;
		bool is_writable;
	} table[] = {
		{ "/opt/hooks", "/opt/hooks", "hooks", false },
		{ "/opt/hooks:ro", "/opt/hooks", "hooks", false },
		{ "/opt/hooks:rw", "/opt/hooks", "hooks", true },
		{ "/opt/hooks//:rw", "/opt/hooks", "hooks", true },
		{ "/a:b", "/a:b", "a:b", false },
		{ "/a:rw:ro", "/a:rw", "a:rw", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autoarena_ struct arena arena = { .max = 0 };
		struct bindmount m;

		assert_int_equal(bindmount_parse(&arena, table[i].text, &m, NULL), 0);
		assert_string_equal(m.path, table[i].path);
		assert_string_equal(m.name, table[i].name);
		assert_int_equal(m.is_writable, table[i].is_writable);
	}
}

static void what_has_no_name_is_refused(void **state)
{
	static const char *const table[] = {
		"", "hooks", "/", "//", "/:rw", ":rw", "/opt/..", "/opt/.", "/opt/../:ro"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autoarena_ struct arena arena = { .max = 0 };
		struct err err = ERR_INIT;
		struct bindmount m;

		assert_int_equal(bindmount_parse(&arena, table[i], &m, &err), -EINVAL);
		assert_non_null(strstr(err_text(&err), "is no absolute path that ends with a name"));
		assert_non_null(strstr(err_text(&err), table[i]));
	}
}

static void names_are_not_shared(void **state)
{
	char *const good[] = { (char *)"/a/x", (char *)"/a/y:rw", (char *)"/b/z" };
	char *const twice[] = { (char *)"/a/x", (char *)"/a/y", (char *)"/b/x:rw" };
	char *const broken[] = { (char *)"/a/x", (char *)"y" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(bindmount_check(NULL, 0, NULL), 0);
	assert_int_equal(bindmount_check(good, ARRAY_SIZE(good), NULL), 0);
	assert_int_equal(bindmount_check(twice, ARRAY_SIZE(twice), &err), -EINVAL);
	assert_string_equal(err_text(&err), "runtime.sandbox_bind_mounts: '/a/x' and '/b/x:rw' have the same name");
	assert_int_equal(bindmount_check(broken, ARRAY_SIZE(broken), NULL), -EINVAL);
}

int test_bindmount(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_and_a_mode),
		cmocka_unit_test(what_has_no_name_is_refused),
		cmocka_unit_test(names_are_not_shared),
	};

	return cmocka_run_group_tests_name("bindmount", tests, NULL, NULL);
}
