/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v1_devices.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "tests/lib/unit.h"

#define RULES_MAX 8

/* "deny; c 1:3 rw" for what the rules become, or the error's text. */
static void check(const struct oci_device_rule *rules, const char *expected)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf out = BUF_INIT;
	struct cgroup_v1_devices d = { 0 };
	struct err err = ERR_INIT;
	size_t n = 0;

	while (n < RULES_MAX && rules[n].type)
		n++;
	if (cgroup_v1_devices_compile(&arena, rules, n, &d, &err) < 0) {
		assert_int_equal(err.num, EOPNOTSUPP);
		assert_string_equal(err.text, expected);
		return;
	}
	assert_int_equal(buf_printf(&out, "%s", d.allow ? "allow" : "deny"), 0);
	for (size_t i = 0; i < d.n; i++)
		if (d.v[i].access[0])
			assert_int_equal(buf_printf(&out, "; %c %" PRId64 ":%" PRId64 " %s", d.v[i].type, d.v[i].major,
			                            d.v[i].minor, d.v[i].access),
			                 0);
	assert_string_equal(buf_str(&out), expected);
}

#define ALLOW(t, ma, mi, acc)                                                                                          \
	{                                                                                                              \
		.allow = true, .type = t, .major = ma, .minor = mi, .access = acc                                      \
	}
#define DENY(t, ma, mi, acc)                                                                                           \
	{                                                                                                              \
		.type = t, .major = ma, .minor = mi, .access = acc                                                     \
	}

static void the_last_match_wins(void **state)
{
	static const struct {
		struct oci_device_rule rules[RULES_MAX];
		const char *expected;
	} rows[] = {
		{ { { 0 } }, "deny" },
		{ { ALLOW('c', -1, -1, "m"), ALLOW('c', 1, 3, "rw") }, "deny; c -1:-1 m; c 1:3 rwm" },
		{ { ALLOW('c', 1, 3, "rw"), ALLOW('c', 1, -1, "m") }, "deny; c 1:3 rwm; c 1:-1 m" },
		{ { ALLOW('c', 1, 3, "r"), ALLOW('c', 1, 3, "w") }, "deny; c 1:3 rw" },
		{ { ALLOW('c', 1, 3, "rwm"), DENY('c', 1, 3, "w") }, "deny; c 1:3 rm" },
		{ { ALLOW('c', 1, 3, "rwm"), DENY('c', 1, -1, "rwm") }, "deny" },
		{ { ALLOW('c', 1, 3, "rwm"), ALLOW('b', 8, 0, "r"), DENY('c', -1, -1, "rwm") }, "deny; b 8:0 r" },
		{ { ALLOW('b', -1, -1, "m"), ALLOW('b', 8, 0, "rw"), DENY('b', 8, 0, "rw") },
		  "deny; b -1:-1 m; b 8:0 m" },
		{ { ALLOW('c', 1, -1, "rwm"), DENY('c', 1, 3, "w") },
		  "device rule 'deny c 1:3 w' is an exception from an earlier rule: cgroup v1 has no such thing" },
		/* docker's: to make a node, but not to use it */
		{ { ALLOW('c', -1, -1, "m"), ALLOW('c', 10, 229, "rw"), DENY('c', 10, 229, "rwm") },
		  "deny; c -1:-1 m" },
		{ { ALLOW('c', -1, -1, "m"), ALLOW('c', 10, -1, "r"), DENY('c', 10, 229, "rwm") },
		  "device rule 'deny c 10:229 rwm' is an exception from an earlier rule: cgroup v1 has no such thing" },
		{ { ALLOW('a', -1, -1, "rwm"), DENY('c', -1, -1, "m"), ALLOW('c', 1, 3, "m") },
		  "device rule 'allow c 1:3 m' is an exception from an earlier rule: cgroup v1 has no such thing" },
		{ { ALLOW('c', 1, 3, "rw"), ALLOW('a', -1, -1, "rwm") }, "allow" },
		{ { ALLOW('a', -1, -1, "rwm"), DENY('b', 8, 0, "rw") }, "allow; b 8:0 rw" },
		{ { ALLOW('a', -1, -1, "rwm"), DENY('b', 8, 0, "rw"), ALLOW('b', 8, 0, "r") }, "allow; b 8:0 w" },
		{ { ALLOW('a', -1, -1, "rwm"), DENY('b', 8, -1, "rw"), ALLOW('b', 8, 0, "r") },
		  "device rule 'allow b 8:0 r' is an exception from an earlier rule: cgroup v1 has no such thing" },
		{ { ALLOW('a', -1, -1, "rwm"), DENY('a', -1, -1, "rwm"), ALLOW('c', 5, 0, "r") }, "deny; c 5:0 r" },
		{ { ALLOW('a', 10, 229, "rw") }, "deny; b 10:229 rw; c 10:229 rw" },
		{ { ALLOW('a', -1, -1, "m") }, "deny; b -1:-1 m; c -1:-1 m" },
		{ { ALLOW('c', 1, 3, "") }, "deny" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(rows[i].rules, rows[i].expected);
}

int test_v1_devices(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_match_wins),
	};

	return cmocka_run_group_tests_name("v1_devices", tests, NULL, NULL);
}
