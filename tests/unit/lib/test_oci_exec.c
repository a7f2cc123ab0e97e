/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/oci_exec.h"

#include <errno.h>

#include "lib/mem.h"
#include "tests/lib/unit.h"

/* CVE-2026-30892: a user that is not understood must never end as uid 0. */
static void users(void **state)
{
	static const struct {
		const char *text;
		int r;
		uid_t uid;
		gid_t gid;
	} cases[] = {
		{ "0", 0, 0, 7 },
		{ "1", 0, 1, 7 },
		{ "1:2", 0, 1, 2 },
		{ "1000:0", 0, 1000, 0 },
		{ "4294967294", 0, 4294967294, 7 },
		{ "4294967295", -EINVAL, 5, 7 },
		{ "4294967296", -EINVAL, 5, 7 },
		{ "", -EINVAL, 5, 7 },
		{ ":", -EINVAL, 5, 7 },
		{ "1:", -EINVAL, 5, 7 },
		{ ":1", -EINVAL, 5, 7 },
		{ "root", -EINVAL, 5, 7 },
		{ "1x", -EINVAL, 5, 7 },
		{ "+1", -EINVAL, 5, 7 },
		{ "-1", -EINVAL, 5, 7 },
		{ " 1", -EINVAL, 5, 7 },
		{ "1:2:3", -EINVAL, 5, 7 },
		{ "00000000000000001", -EINVAL, 5, 7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uid_t uid = 5;
		gid_t gid = 7;

		assert_int_equal(oci_exec_parse_user(cases[i].text, &uid, &gid), cases[i].r);
		assert_int_equal(uid, cases[i].uid);
		assert_int_equal(gid, cases[i].gid);
	}
}

static void what_options_change(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	gid_t group = 9;
	char old_env[] = "A=1", *env = old_env, cwd[] = "/", arg[] = "ls", *argv[] = { arg };
	struct oci_capabilities caps = { .bounding = 1, .effective = 1, .permitted = 1 };
	struct oci_process own = { .terminal = true,
		                   .env = { &env, 1 },
		                   .cwd = cwd,
		                   .capabilities = &caps,
		                   .user = { .groups = &group, .n_groups = 1 } };
	const struct oci_spec spec = { .process = &own };
	const char *more[] = { "B=2" }, *added[] = { "CAP_NET_RAW" };
	const struct oci_exec_options options = { .user = "3:4", .env = { more, 1 }, .caps = { added, 1 } };
	_autobuf_ struct buf ignored = BUF_INIT;
	struct oci_process *p = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_exec_make(&arena, &spec, &options, 1, argv, &ignored, &p, &err), 0);
	assert_false(p->terminal);
	assert_int_equal(p->user.uid, 3);
	assert_int_equal(p->user.gid, 4);
	assert_int_equal(p->user.n_groups, 0); /* the container's groups are its user's */
	assert_int_equal(p->env.n, 2);
	assert_string_equal(p->env.v[1], "B=2");
	assert_int_equal(p->capabilities->bounding, 1 | 1 << 13);
	assert_int_equal(p->capabilities->ambient, 1 << 13);
	assert_int_equal(caps.bounding, 1); /* the specification is not changed */
	assert_int_equal(oci_exec_make(&arena, &spec, &options, 0, argv, &ignored, &p, &err), -EINVAL);
}

int test_oci_exec(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users),
		cmocka_unit_test(what_options_change),
	};

	return cmocka_run_group_tests_name("oci_exec", tests, NULL, NULL);
}
