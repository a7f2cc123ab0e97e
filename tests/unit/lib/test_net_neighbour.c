/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_neighbour.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake_rtnetlink.h"
#include "tests/lib/unit.h"

static void resolved_and_built(void **state)
{
	/* expected: family, index, state, flags; attributes; or the error's text */
	static const struct {
		struct net_neighbour_config config;
		const char *expected;
	} rows[] = {
		{ { "10.1.0.9", "eth0", "02:00:00:00:09:09", 0, 0 },
		  "02000000"
		  "03000000"
		  "80000000"
		  "080001000a010009"
		  "0a000200020000000909"
		  "0000" },
		{ { "fd00::9", "p0", "", 0x40, 8 },
		  "0a000000"
		  "02000000"
		  "40000800"
		  "14000100fd000000000000000000000000000009" },
		{ { "10.1.0.9", "eth7", "", 0, 0 }, "Link not found (Name: eth7)" },
		{ { "10.1.0.9/24", "eth0", "", 0, 0 }, "'10.1.0.9/24' is no IP address" },
		{ { "", "eth0", "", 0, 0 }, "'' is no IP address" },
		{ { "10.1.0.9", "eth0", "02-03", 0, 0 }, "'02-03' is no hardware address" },
		{ { "10.1.0.9", "eth0", "", 65536, 0 }, "65536 is no state of a neighbour" },
		{ { "10.1.0.9", "eth0", "", -1, 0 }, "-1 is no state of a neighbour" },
		{ { "10.1.0.9", "eth0", "", 0, 256 }, "256 are no flags of a neighbour" },
	};
	_autolinks_ struct net_links links = { 0 };

	assert_int_equal(net_links_read(*state, &links, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct netlink_request request;
		struct net_neighbour neighbour;
		struct err err = ERR_INIT;
		const char *text = err.text;

		if (net_neighbour_resolve(&rows[i].config, &links, &neighbour, &err) == 0)
			text = fake_rtnetlink_hex(net_neighbour_build(&request, &neighbour)) +
			       2 * sizeof(struct nlmsghdr);
		assert_string_equal(text, rows[i].expected);
	}
}

static void failure_ends_it_and_names_the_neighbour(void **state)
{
	static const struct net_neighbour_config request[] = {
		{ "10.1.0.9", "eth0", "", 0, 0 },
		{ "10.1.0.8", "eth0", "", 0, 0 },
		{ "10.1.0.7", "eth0", "", 0, 0 },
	};
	struct err err = ERR_INIT;

	assert_int_equal(net_neighbours_add(*state, request, 3, &err), 0);
	assert_string_equal(fake_rtnetlink.log,
	                    "neighbour 3 10.1.0.9/128\nneighbour 3 10.1.0.8/128\nneighbour 3 10.1.0.7/128\n");
	fake_rtnetlink.fail_at = 5;
	fake_rtnetlink.fail_with = EPERM;
	assert_int_equal(net_neighbours_add(*state, request, 3, &err), -EPERM);
	assert_string_equal(err.text, "neighbour '10.1.0.8' on 'eth0': Operation not permitted");
	assert_int_equal(fake_rtnetlink.n_changes, 5);
}

static void listed(void **state)
{
	_autoneighbours_ struct net_neighbours neighbours = { 0 };
	char ip[NET_IP_TEXT_MAX], mac[NET_MAC_TEXT_MAX], line[1024] = "";
	const struct net_neighbour *v;
	size_t n;

	fake_rtnetlink.n_interrupted = 1;
	assert_int_equal(net_neighbours_read(*state, &neighbours, NULL), 0);
	v = net_neighbours_all(&neighbours, &n);
	for (size_t i = 0; i < n; i++)
		if (v[i].state & (NUD_PERMANENT | NUD_STALE))
			(void)snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s %s %d %x\n",
			               net_ip_format(&v[i].ip, false, ip), net_mac_format(&v[i].mac, mac), v[i].index,
			               v[i].state);
	assert_string_equal(line, "10.1.0.7 02:00:00:00:09:0B 2 4\n"
	                          "10.1.0.9 02:00:00:00:09:09 2 80\n"
	                          "fd00:1::9 02:00:00:00:09:0A 2 80\n");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fake_rtnetlink_setup, fake_rtnetlink_teardown)

int test_net_neighbour(void)
{
	const struct CMUnitTest tests[] = {
		T(resolved_and_built),
		T(listed),
		T(failure_ends_it_and_names_the_neighbour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
