/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/netns.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "tests/lib/unit.h"

static void which_namespace_a_specification_means(void **state)
{
	/* path: NULL = no entry at all; expected: the kind, or -errno */
	static const struct {
		const char *path, *model;
		bool no_new;
		int expected;
		const char *text;
	} rows[] = {
		{ "", "tcfilter", false, NETNS_NEW, NULL },
		{ "", "none", false, NETNS_NEW, NULL },
		{ "", "none", true, NETNS_OWN, NULL },
		{ NULL, "tcfilter", false, -EOPNOTSUPP, "asks for the host's network" },
		{ NULL, "none", false, -EOPNOTSUPP, "asks for the host's network" },
		{ NULL, "none", true, NETNS_OWN, NULL },
		{ NULL, "user", false, NETNS_OWN, NULL },
		{ "/proc/self/ns/net", "tcfilter", false, -EOPNOTSUPP, "asks for the host's network" },
		{ "/proc/self/ns/net", "user", false, NETNS_OWN, NULL },
		{ "/proc/self/ns/uts", "tcfilter", false, NETNS_PATH, NULL },
		{ "/dev/null", "tcfilter", false, -EINVAL, "'/dev/null': it is none" },
		{ "/nonexistent", "tcfilter", false, -ENOENT, "open the network namespace '/nonexistent'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_namespace ns = { CLONE_NEWNET, (char *)rows[i].path };
		struct oci_linux lin = { .namespaces = &ns, .n_namespaces = rows[i].path ? 1 : 0 };
		struct oci_spec spec = { .linux = &lin };
		struct config_runtime config = { .internetworking_model = (char *)rows[i].model,
			                         .disable_new_netns = rows[i].no_new };
		struct netns_wish wish = { .kind = NETNS_OWN };
		struct err err = ERR_INIT;
		int r = netns_wish_of(&spec, &config, "web", &wish, &err);

		assert_int_equal(r < 0 ? r : (int)wish.kind, rows[i].expected);
		if (rows[i].text)
			assert_non_null(strstr(err.text, rows[i].text));
		if (r == 0 && wish.kind == NETNS_PATH)
			assert_string_equal(wish.path, rows[i].path);
	}
}

/* Another kind of namespace is found out when it is entered. */
static void what_is_no_network_is_not_entered(void **state)
{
	const struct netns_wish wish = { NETNS_PATH, "/proc/self/ns/uts" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(netns_enter(&wish, &err), -EINVAL);
	assert_string_equal(err.text, "enter the network namespace '/proc/self/ns/uts': Invalid argument");
	assert_int_equal(netns_enter(&(struct netns_wish){ NETNS_OWN, NULL }, NULL), 0);
}

int test_netns(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_namespace_a_specification_means),
		cmocka_unit_test(what_is_no_network_is_not_entered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
