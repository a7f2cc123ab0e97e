/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax, and the layers by number; test_storage.c mounts them. */
#include "agent/mount/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

static void layers_are_counted(void **state)
{
	static const struct {
		const char *layers;
		size_t n;
	} rows[] = {
		{ "/a", 1 }, { "/a:/b", 2 }, { "/a:/b::/data::/more", 4 }, { "/a\\:b:/c\\\\:/d", 3 },
		{ "", 0 },   { "/a:", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(overlay_count(rows[i].layers), rows[i].n);
	assert_string_equal(overlay_layers("lowerdir=/a"), "/a");
	assert_null(overlay_layers("upperdir=/a"));
}

static void layers_are_named_by_fds(void **state)
{
	_cleanup_(overlay_fds_done) struct overlay_fds fds = { 0 };
	_autoarena_ struct arena arena = { 0 };
	char *words[] = { (char *)"lowerdir=/tmp:/::/usr", (char *)"upperdir=/u", NULL };
	const struct oci_strings data = { words, 2 };
	struct oci_strings named;
	struct err err = ERR_INIT;
	char wanted[64];

	(void)state;
	assert_int_equal(overlay_name_layers(&arena, &data, &fds, &named, &err), 0);
	assert_int_equal(fds.n, 3);
	(void)snprintf(wanted, sizeof(wanted), "lowerdir=%d:%d::%d", fds.fds[0], fds.fds[1], fds.fds[2]);
	assert_string_equal(named.v[0], wanted);
	assert_string_equal(named.v[1], "upperdir=/u");
}

static void a_missing_layer_is_named(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	char *words[] = { (char *)"lowerdir=/tmp:/no\\:such", NULL };
	const struct oci_strings data = { words, 1 };
	struct overlay_fds fds = { 0 };
	struct oci_strings named;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(overlay_name_layers(&arena, &data, &fds, &named, &err), -ENOENT);
	assert_string_equal(err.text, "open the lower directory '/no:such': No such file or directory");
	assert_int_equal(fds.n, 0);
}

static void too_many_are_refused_with_their_number(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	char *word = arena_alloc(&arena, 4096), *words[] = { word, NULL };
	const struct oci_strings data = { words, 1 };
	struct overlay_fds fds = { 0 };
	struct oci_strings named;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(word);
	strcpy(word, "lowerdir=/");
	for (int i = 0; i < OVERLAY_LAYERS_MAX; i++)
		strcat(word, ":/");
	assert_int_equal(overlay_name_layers(&arena, &data, &fds, &named, &err), -E2BIG);
	assert_string_equal(err.text, "501 lower directories, the kernel takes 500");
	assert_false(overlay_takes_layers(word + strlen("lowerdir=")));
}

int test_overlay(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_are_counted),
		cmocka_unit_test(layers_are_named_by_fds),
		cmocka_unit_test(a_missing_layer_is_named),
		cmocka_unit_test(too_many_are_refused_with_their_number),
	};

	return cmocka_run_group_tests_name("overlay", tests, NULL, NULL);
}
