/* SPDX-License-Identifier: Apache-2.0 */
/* The default configuration.toml, with every "#" taken away, says what the code's defaults are, of every key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/config.h"
#include "runtime/config_keys.h"
#include "runtime/toml.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define INSTALLED "runtime/configuration.toml"

/* A line such as "#kernel = ...", not one of prose. */
static bool is_setting(const char *line)
{
	return line[0] == '#' && line[1] != ' ' && strstr(line, " = ") != NULL;
}

/* The installed file with its settings made true; how many there are. */
static size_t uncomment(char **ret)
{
	FILE *f = fopen(INSTALLED, "re");
	char *line = NULL, *text = calloc(1, 1 << 16);
	size_t room = 0, n = 0;

	assert_non_null(f);
	assert_non_null(text);
	while (getline(&line, &room, f) > 0) {
		bool setting = is_setting(line);

		n += setting;
		assert_true(strlen(text) + strlen(line) < 1 << 16);
		(void)strcat(text, setting ? line + 1 : line);
	}
	(void)fclose(f);
	free(line);
	*ret = text;
	return n;
}

static void read_text(void **state, const char *text, struct config *c)
{
	const struct tempdir *dir = *state;
	struct json_object *tree;
	struct err err = ERR_INIT;
	char path[256];

	tempdir_write(*state, "c.toml", text);
	(void)snprintf(path, sizeof(path), "%s/c.toml", dir->path);
	assert_int_equal(config_init(c, NULL), 0);
	if (toml_read(path, &tree, &err) < 0 || config_read(c, tree, &err) < 0)
		fail_msg("%s", err.text);
	(void)json_object_put(tree);
}

static void every_key_stands_there_with_its_default(void **state)
{
	_autoconfig_ struct config read, init;
	struct json_object *a, *b;
	char *text;
	size_t n = uncomment(&text);

	read_text(state, text, &read);
	assert_int_equal(read.unknown.n, 0);
	assert_int_equal(read.unused.n, 0);
	assert_int_equal(config_init(&init, NULL), 0);
	a = config_format(&read);
	b = config_format(&init);
	assert_string_equal(json_object_to_json_string(a), json_object_to_json_string(b));
	/* TOML has no key twice, so as many settings as keys are all of them. */
	assert_int_equal(n, config_keys_count);
	(void)json_object_put(a);
	(void)json_object_put(b);
	free(text);
}

/* As it is installed it changes nothing. */
static void it_says_nothing_until_it_is_edited(void **state)
{
	_autoconfig_ struct config read, init;
	struct json_object *a, *b, *tree;

	assert_int_equal(toml_read(INSTALLED, &tree, NULL), 0);
	assert_int_equal(config_init(&read, NULL), 0);
	assert_int_equal(config_read(&read, tree, NULL), 0);
	assert_int_equal(config_init(&init, NULL), 0);
	a = config_format(&read);
	b = config_format(&init);
	assert_string_equal(json_object_to_json_string(a), json_object_to_json_string(b));
	(void)state;
	(void)json_object_put(tree);
	(void)json_object_put(a);
	(void)json_object_put(b);
}

int test_configuration(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_key_stands_there_with_its_default, tempdir_setup,
		                                tempdir_teardown),
		cmocka_unit_test(it_says_nothing_until_it_is_edited),
	};

	return cmocka_run_group_tests_name("configuration", tests, NULL, NULL);
}
