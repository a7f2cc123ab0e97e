/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static void a_specification_is_read(void **state)
{
	const struct tempdir *dir = *state;
	_autoarena_ struct arena arena = { .max = 0 };
	struct oci_spec *spec = NULL;

	tempdir_write(
		dir, "config.json",
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"},\"root\":{\"path\":\"r\"}}");
	assert_int_equal(bundle_read(&arena, dir->path, &spec, NULL), 0);
	assert_string_equal(spec->root_path, "r");
	assert_string_equal(spec->process->args.v[0], "sh");
}

#define BUNDLE(process, root, mounts)                                                                                  \
	"{\"process\":{" process "},\"root\":{\"path\":\"" root "\"},\"mounts\":[" mounts "]}"

/* What the sandbox takes for granted is there, whatever the file says. */
static void what_is_missing_is_told(void **state)
{
	static const struct {
		const char *json;
		int r;
		const char *text;
	} rows[] = {
		{ NULL, -ENOENT, "No such file or directory" },
		{ "{", -EINVAL, "config.json': " },
		{ "{\"ociVersion\":\"1.0.2\"}", -EINVAL, "process and root are needed" },
		{ "{\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"}}", -EINVAL, "process and root are needed" },
		{ "{\"root\":{\"path\":\"r\"}}", -EINVAL, "process and root are needed" },
		{ BUNDLE("\"args\":[\"sh\"],\"cwd\":\"/\"", "", ""), -EINVAL, "root.path is empty" },
		{ BUNDLE("\"args\":[],\"cwd\":\"/\"", "r", ""), -EINVAL, "process.args is empty" },
		{ BUNDLE("\"args\":[\"sh\"],\"cwd\":\"x\"", "r", ""), -EINVAL, "process.cwd 'x' is not absolute" },
		{ BUNDLE("\"args\":[\"sh\"],\"cwd\":\"/\"", "r", "{\"destination\":\"/a\"},{\"destination\":\"b\"}"),
		  -EINVAL, "mounts[1].destination 'b' is not absolute" },
	};
	const struct tempdir *dir = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoarena_ struct arena arena = { .max = 0 };
		struct oci_spec *spec = NULL;
		struct err err = ERR_INIT;

		if (rows[i].json)
			tempdir_write(dir, "config.json", rows[i].json);
		assert_int_equal(bundle_read(&arena, dir->path, &spec, &err), rows[i].r);
		assert_null(spec);
		assert_non_null(strstr(err_text(&err), rows[i].text));
		assert_non_null(strstr(err_text(&err), dir->path));
	}
}

/* A FIFO that nobody writes to would be waited for without end. */
static void only_a_file_is_read(void **state)
{
	const struct tempdir *dir = *state;
	_autoarena_ struct arena arena = { .max = 0 };
	_autofree_ char *path = NULL;
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	assert_true(asprintf(&path, "%s/config.json", dir->path) > 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(bundle_read(&arena, dir->path, &spec, &err), -EINVAL);
	assert_non_null(strstr(err_text(&err), "config.json': it is no regular file"));
}

int test_bundle(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_specification_is_read, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(only_a_file_is_read, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(what_is_missing_is_told, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
