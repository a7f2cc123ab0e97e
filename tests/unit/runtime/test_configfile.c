/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/configfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/helper.h"
#include "runtime/toml.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

/* The helper lies beside the programs, we lie below them. */
char *__wrap_helper_path(const char *name, struct err *err);
char *__wrap_helper_path(const char *name, struct err *err)
{
	char path[4096], *directory, *ret;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	(void)err;
	assert_true(n > 0);
	path[n] = '\0';
	directory = strstr(path, "/tests/unit/");
	assert_non_null(directory);
	*directory = '\0';
	assert_true(asprintf(&ret, "%s/%s", path, name) > 0);
	return ret;
}

/* The path of a file in the test's directory, for the next call at most. */
static char *path_in(void **state, const char *name)
{
	static char path[256];
	const struct tempdir *dir = *state;

	(void)snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	return path;
}

static const char *find(const struct configfile *f, const char *table, const char *name, const char *type)
{
	struct json_object *node = f->tree;

	if (!json_object_object_get_ex(node, table, &node) || !json_object_object_get_ex(node, name, &node))
		return NULL;
	return toml_scalar(node, type);
}

static void make_directory(void **state, const char *name)
{
	assert_int_equal(mkdir(path_in(state, name), 0755), 0);
}

static void dropins_are_merged_in_their_order(void **state)
{
	_autoconfigfile_ struct configfile f;

	tempdir_write(*state, "c.toml", "[runtime]\na = 1\nlist = [1, 2]\n[runtime.deep]\nx = 'main'\ny = 'main'\n");
	make_directory(state, "config.d");
	tempdir_write(*state, "config.d/20-late", "[runtime]\na = 3\nlist = [9]\n");
	tempdir_write(*state, "config.d/10-early.toml", "[runtime]\na = 2\nb = 2\n[runtime.deep]\nx = 'early'\n");
	tempdir_write(*state, "config.d/30-empty", "");
	assert_int_equal(configfile_read(path_in(state, "c.toml"), &f, NULL), 0);
	assert_int_equal(f.n_dropins, 3);
	assert_non_null(strstr(f.dropins[0], "/config.d/10-early.toml"));
	assert_string_equal(find(&f, "runtime", "a", "integer"), "3");
	assert_string_equal(find(&f, "runtime", "b", "integer"), "2");
	{
		struct json_object *runtime, *node;

		assert_true(json_object_object_get_ex(f.tree, "runtime", &runtime));
		assert_true(json_object_object_get_ex(runtime, "list", &node));
		assert_int_equal(json_object_array_length(node), 1);
		assert_true(json_object_object_get_ex(runtime, "deep", &node));
		assert_true(json_object_object_get_ex(node, "x", &node));
		assert_string_equal(toml_scalar(node, "string"), "early");
	}
}

/* The drop-ins beside the link's target count, those beside the link do not. */
static void links_are_resolved_first(void **state)
{
	_autoconfigfile_ struct configfile f;
	const struct tempdir *dir = *state;
	char target[256];

	make_directory(state, "config.d");
	make_directory(state, "real");
	make_directory(state, "real/config.d");
	tempdir_write(*state, "real/qemu.toml", "[runtime]\nname = 'main'\n");
	tempdir_write(*state, "real/config.d/1", "[runtime]\nname = 'beside the target'\n");
	tempdir_write(*state, "config.d/1", "[runtime]\nname = 'beside the link'\n");
	(void)snprintf(target, sizeof(target), "%s/link.toml", dir->path);
	assert_int_equal(symlink("real/qemu.toml", target), 0);
	assert_int_equal(configfile_read(target, &f, NULL), 0);
	assert_string_equal(find(&f, "runtime", "name", "string"), "beside the target");
	assert_string_equal(f.path, target);
	assert_non_null(strstr(f.real, "/real/qemu.toml"));
}

static void the_environment_names_a_file(void **state)
{
	_autoconfigfile_ struct configfile f;

	tempdir_write(*state, "env.toml", "[runtime]\nname = 'env'\n");
	assert_int_equal(setenv("KATA_CONF_FILE", path_in(state, "env.toml"), 1), 0);
	assert_int_equal(configfile_read(NULL, &f, NULL), 0);
	assert_string_equal(find(&f, "runtime", "name", "string"), "env");
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
	static const struct {
		const char *dropin, *main, *expected;
	} table[] = {
		{ NULL, "[runtime]\na = \n", "c.toml:2:5: " },
		{ NULL, "a = 1\na = 2\n", "c.toml:2:5: " },
		{ NULL, "a = \"x\\u0000y\"\n", "c.toml: a string contains a NUL" },
		{ "x = [", "", "config.d/1:1:" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autoconfigfile_ struct configfile f;
		struct err err = ERR_INIT;

		tempdir_write(*state, "c.toml", table[i].main);
		if (table[i].dropin) {
			make_directory(state, "config.d");
			tempdir_write(*state, "config.d/1", table[i].dropin);
		}
		assert_true(configfile_read(path_in(state, "c.toml"), &f, &err) < 0);
		assert_non_null(strstr(err.text, table[i].expected));
	}
}

static void missing_files_and_directories_for_files(void **state)
{
	_autoconfigfile_ struct configfile f, g;
	struct err err = ERR_INIT;

	assert_int_equal(configfile_read(path_in(state, "none.toml"), &f, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/none.toml': No such file or directory"));
	tempdir_write(*state, "c.toml", "");
	make_directory(state, "config.d");
	make_directory(state, "config.d/sub");
	assert_int_equal(configfile_read(path_in(state, "c.toml"), &g, &err), -EIO);
	assert_non_null(strstr(err.text, "config.d/sub: Is a directory"));
}

int test_configfile(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dropins_are_merged_in_their_order, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(links_are_resolved_first, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(the_environment_names_a_file, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_told_with_its_place, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(missing_files_and_directories_for_files, tempdir_setup,
		                                tempdir_teardown),
	};

	return cmocka_run_group_tests_name("configfile", tests, NULL, NULL);
}
