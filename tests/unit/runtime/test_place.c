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

/* docker's names: the sandbox lies elsewhere, and nobody else has to know. */
static void sockets_fit(void **state)
{
	const char *root = ((struct tempdir *)*state)->path;
	_autojson_ struct json_object *written = json_tokener_parse("{\"version\":1}"), *read = NULL;
	_autofree_ char *real = NULL, *link = NULL;
	struct err err = ERR_INIT;
	char id[101];
	struct stat st;
	int r;

	memset(id, 'a', 100);
	id[100] = '\0';
	r = place_make(root, id, &err);
	if (r < 0 && geteuid() != 0) {
		assert_non_null(strstr(err_text(&err), "/run/kata-c"));
		return;
	}
	assert_int_equal(r, 0);
	real = place_path(root, id, NULL);
	assert_true(strlen(real) + strlen("/vsock.sock_1028") <= 107);
	assert_int_equal(stat(real, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(place_make(root, id, NULL), -EEXIST);
	assert_int_equal(place_write_state(root, id, written, NULL), 0);
	assert_int_equal(place_read_state(root, id, &read, NULL), 0);
	assert_true(asprintf(&link, "%s/%s", root, id) > 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(place_remove(root, id, NULL), 0);
	assert_int_equal(lstat(link, &st), -1);
	assert_int_equal(stat(real, &st), -1);
	/* After a reboot its place may be gone. */
	assert_int_equal(place_make(root, id, NULL), 0);
	free(real);
	real = place_path(root, id, NULL);
	assert_int_equal(rmdir(real), 0);
	assert_int_equal(place_remove(root, id, NULL), 0);
	assert_int_equal(lstat(link, &st), -1);
}

/* Somebody else's link is not followed. */
static void links_elsewhere_are_no_sandboxes(void **state)
{
	const char *root = ((struct tempdir *)*state)->path;
	_autofree_ char *link = NULL, *path = NULL;

	assert_true(asprintf(&link, "%s/pod", root) > 0);
	assert_int_equal(symlink("/etc", link), 0);
	path = place_path(root, "pod", NULL);
	assert_string_equal(path, link);
	assert_int_equal(place_remove(root, "pod", NULL), 0);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
}

int test_place(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_checked),
		cmocka_unit_test_setup_teardown(a_sandbox_and_its_containers, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(sockets_fit, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(links_elsewhere_are_no_sandboxes, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
