/* SPDX-License-Identifier: Apache-2.0 */
/* Against the real kernel, in a network namespace of the test's own: two taps are joined. */
#include "runtime/network/tc.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/net_link.h"
#include "runtime/network/tap.h"
#include "tests/lib/forked.h"
#include "tests/lib/unit.h"

#define CANNOT 77 /* no such namespace, no /dev/net/tun */

static int index_of(struct netlink *nl, const char *name)
{
	_autolinks_ struct net_links links = { 0 };
	const struct net_link *link = net_links_read(nl, &links, NULL) == 0 ? net_links_find(&links, name) : NULL;

	return link ? link->index : -1;
}

static int join_two(void)
{
	_autonetlink_ struct netlink nl = NETLINK_INIT;
	_autoclose_ int a = -EBADF, b = -EBADF, again = -EBADF;
	struct err err = ERR_INIT;
	int one, two;

	if (unshare(CLONE_NEWNET) < 0)
		return CANNOT;
	a = tap_open("tapa", &err);
	if (a == -ENOENT || a == -ENODEV || a == -EPERM)
		return CANNOT;
	b = tap_open("tapb", &err);
	again = tap_open("tapa", &err);
	if (a < 0 || b < 0 || again != -EBUSY || !strstr(err.text, "make the tap link 'tapa'"))
		return 1;
	if (netlink_open(&nl, 0, NULL) < 0)
		return 2;
	one = index_of(&nl, "tapa");
	two = index_of(&nl, "tapb");
	if (one < 0 || two < 0 || tc_redirect(&nl, one, two, NULL) == 0)
		return 3;
	if (tc_add_ingress(&nl, one, NULL) < 0 || tc_add_ingress(&nl, one, NULL) != -EEXIST)
		return 4;
	if (tc_redirect(&nl, one, two, NULL) < 0 || tc_remove_ingress(&nl, one, NULL) < 0)
		return 5;
	if (tc_remove_ingress(&nl, one, NULL) == 0)
		return 6;
	a = fd_close(a);
	return index_of(&nl, "tapa") < 0 && index_of(&nl, "tapb") == two ? 0 : 7;
}

static void two_links_are_joined(void **state)
{
	int r;

	(void)state;
	skip_unless_root();
	r = forked_run(join_two);
	if (r == CANNOT) {
		print_message("skipped: no network namespaces or no /dev/net/tun\n");
		skip();
	}
	assert_int_equal(r, 0);
}

int test_tc(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(two_links_are_joined) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
