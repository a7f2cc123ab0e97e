/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/options.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "tests/lib/unit.h"

#define RO MOUNT_ATTR_RDONLY
#define NS MOUNT_ATTR_NOSUID

static int parse(struct arena *arena, const char *text, struct mount_options *ret, struct err *err)
{
	char *v[2] = { (char *)text, NULL };
	const struct oci_strings list = { .v = v, .n = 1 };

	return mount_options_parse(arena, &list, ret, err);
}

static void words_become_attributes(void **state)
{
	static const struct {
		const char *words;
		uint64_t set, clear, tree_set, tree_clear;
		const char *data;
	} rows[] = {
		{ "", 0, 0, 0, 0, "" },
		{ "defaults,,acl,silent,mand", 0, 0, 0, 0, "" },
		{ "ro,nosuid", RO | NS, 0, 0, 0, "" },
		{ "ro,rw", 0, RO, 0, 0, "" },
		{ "rw,ro", RO, 0, 0, 0, "" },
		{ "suid,dev,exec", 0, NS | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, 0, "" },
		{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0, 0, "" },
		{ "noatime,strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0, 0, "" },
		{ "noatime,relatime", 0, MOUNT_ATTR__ATIME, 0, 0, "" },
		{ "noatime,norelatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0, 0, "" },
		{ "nodiratime,nosymfollow", MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW, 0, 0, 0, "" },
		{ "rro,ro", RO, 0, RO, 0, "" },
		{ "rrw,rnosuid", 0, 0, NS, RO, "" },
		{ "rnoatime", 0, 0, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, "" },
		{ "size=64k,ro,mode=1777", RO, 0, 0, 0, "size=64k,mode=1777" },
		{ "rsize=8,roar", 0, 0, 0, 0, "rsize=8,roar" },
		{ "context=\"a:b:c0,c1\",ro", RO, 0, 0, 0, "context=\"a:b:c0,c1\"" },
		{ "lowerdir=/a\\,b:/c,ro", RO, 0, 0, 0, "lowerdir=/a\\,b:/c" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct mount_options o;
		struct err err = ERR_INIT;

		assert_int_equal(parse(&arena, rows[i].words, &o, &err), 0);
		assert_string_equal(mount_options_join(&arena, &o.data), rows[i].data);
		if (o.top.set != rows[i].set || o.top.clear != rows[i].clear || o.tree.set != rows[i].tree_set ||
		    o.tree.clear != rows[i].tree_clear)
			fail_msg("'%s': top +%#lx -%#lx tree +%#lx -%#lx", rows[i].words, (long)o.top.set,
			         (long)o.top.clear, (long)o.tree.set, (long)o.tree.clear);
	}
}

static void words_become_modes(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct mount_options o;

	(void)state;
	assert_int_equal(parse(&arena, "rbind,rslave", &o, NULL), 0);
	assert_true(o.bind && o.bind_tree && o.propagation_tree);
	assert_int_equal(o.propagation, MS_SLAVE);
	assert_int_equal(parse(&arena, "ridmap,tmpcopyup", &o, NULL), 0);
	assert_true(o.idmap && o.idmap_tree && o.copy_up && !o.bind);
	assert_int_equal(parse(&arena, "ridmap,idmap", &o, NULL), 0);
	assert_true(o.idmap && !o.idmap_tree);
	assert_int_equal(parse(&arena, "bind,unbindable,shared", &o, NULL), 0);
	assert_true(o.bind && !o.bind_tree && !o.propagation_tree);
	assert_int_equal(o.propagation, MS_SHARED);
	assert_int_equal(parse(&arena, "remount,sync,dirsync,lazytime,async", &o, NULL), 0);
	assert_true(o.remount);
	assert_int_equal(o.sb_flags, MS_DIRSYNC | MS_LAZYTIME);
}

static void unsupported_words_are_named(void **state)
{
	static const char *const rows[] = { "loop" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct mount_options o;
		struct err err = ERR_INIT;

		assert_int_equal(parse(&arena, rows[i], &o, &err), -EINVAL);
		assert_non_null(strstr(err.text, rows[i]));
	}
}

static void out_of_memory_is_an_error(void **state)
{
	_autoarena_ struct arena arena = { .max = 64 };
	struct mount_options o;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(parse(&arena, "a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8", &o, &err), -ENOMEM);
}

static void keys_are_taken_out(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct mount_options o;

	(void)state;
	assert_int_equal(parse(&arena, "size=1,fsgid=7,mode=755,fsgid=8,fsgids=1", &o, NULL), 0);
	assert_string_equal(mount_options_take(&o, "fsgid"), "8");
	assert_null(mount_options_take(&o, "fsgid"));
	assert_string_equal(mount_options_join(&arena, &o.data), "size=1,mode=755,fsgids=1");
}

static void classic_flags_are_the_same(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct mount_options o;

	(void)state;
	assert_int_equal(parse(&arena, "ro,nosuid,nodev,noexec,noatime,nodiratime,sync", &o, NULL), 0);
	assert_int_equal(mount_options_classic(&o),
	                 MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_SYNCHRONOUS);
	assert_int_equal(parse(&arena, "strictatime", &o, NULL), 0);
	assert_int_equal(mount_options_classic(&o), MS_STRICTATIME);
}

static void propagation_words(void **state)
{
	uint64_t flags = 0;

	(void)state;
	assert_int_equal(mount_propagation_parse("rshared", &flags), 0);
	assert_int_equal(flags, MS_SHARED | MS_REC);
	assert_int_equal(mount_propagation_parse("private", &flags), 0);
	assert_int_equal(flags, MS_PRIVATE);
	assert_int_equal(mount_propagation_parse("r", &flags), -EINVAL);
	assert_int_equal(mount_propagation_parse("", &flags), -EINVAL);
}

int test_options(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_attributes),     cmocka_unit_test(words_become_modes),
		cmocka_unit_test(unsupported_words_are_named), cmocka_unit_test(out_of_memory_is_an_error),
		cmocka_unit_test(keys_are_taken_out),          cmocka_unit_test(classic_flags_are_the_same),
		cmocka_unit_test(propagation_words),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
