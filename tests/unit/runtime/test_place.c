/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/jsontext.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static void ids_are_checked(void **state)
{
	static const struct {
		const char *id;
		int r;
	} table[] = {
		{ "web", 0 },        { "a.b-c_d", 0 },   { "00", 0 },       { "", -EINVAL },   { "a", -EINVAL },
		{ "_ab", -EINVAL },  { "a+b", -EINVAL }, { ".", -EINVAL },  { "..", -EINVAL }, { "a/b", -EINVAL },
		{ "../x", -EINVAL }, { "a b", -EINVAL }, { "-x", -EINVAL }, { ".x", -EINVAL }, { "a\n", -EINVAL },
	};
	struct err err = ERR_INIT;
	char longest[130];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(place_check_id(table[i].id, NULL), table[i].r);
	memset(longest, 'a', sizeof(longest));
	longest[128] = '\0';
	assert_int_equal(place_check_id(longest, NULL), 0);
	longest[128] = 'a';
	longest[129] = '\0';
	assert_int_equal(place_check_id(longest, NULL), -EINVAL);
	assert_int_equal(place_check_id("a", &err), -EINVAL);
	assert_non_null(strstr(err_text(&err), "id 'a': it takes 2 to 128 letters"));
}

static int count(void *arg, const char *id, const char *sandbox)
{
	(void)id;
	(void)sandbox;
	++*(int *)arg;
	return 0;
}

static void a_sandbox_and_its_containers(void **state)
{
	const struct tempdir *dir = *state;
	_autofree_ char *root = NULL, *found = NULL;
	_autojson_ struct json_object *written = json_tokener_parse("{\"version\":1}"), *read = NULL;
	struct err err = ERR_INIT;
	int n = 0;

	/* Nobody has made the one above. */
	assert_true(asprintf(&root, "%s/above/r", dir->path) > 0);
	assert_int_equal(place_list(root, count, &n, NULL), 0);
	assert_int_equal(place_find(root, "web", &found, NULL), -ENOENT);
	assert_int_equal(place_make(root, "pod", NULL), 0);
	assert_int_equal(place_make(root, "pod", &err), -EEXIST);
	assert_int_equal(place_link(root, "web", "pod", NULL), 0);
	assert_int_equal(place_link(root, "web", "other", &err), -EEXIST);
	assert_non_null(strstr(err_text(&err), "'web' exists already"));
	assert_int_equal(place_link(root, "other", "elsewhere", NULL), 0);
	assert_int_equal(place_find(root, "web", &found, NULL), 0);
	assert_string_equal(found, "pod");
	assert_int_equal(place_read_state(root, "pod", &read, NULL), -ENOENT);
	assert_int_equal(place_write_state(root, "pod", written, NULL), 0);
	assert_int_equal(place_read_state(root, "pod", &read, NULL), 0);
	assert_true(json_object_equal(written, read));
	assert_int_equal(place_remove(root, "pod", NULL), 0);
	assert_int_equal(place_list(root, count, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(place_remove(root, "pod", NULL), 0);
}

static void sockets_must_fit(void **state)
{
	struct err err = ERR_INIT;
	char id[101];

	memset(id, 'a', 100);
	id[100] = '\0';
	assert_int_equal(place_make(((struct tempdir *)*state)->path, id, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err_text(&err), "too long"));
}

int test_place(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_checked),
		cmocka_unit_test_setup_teardown(a_sandbox_and_its_containers, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(sockets_must_fit, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
