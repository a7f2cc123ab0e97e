/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake_rtnetlink.h"
#include "tests/lib/unit.h"

/* "family dest via gateway dev index from source network: scope flags mtu" */
static const char *route_text(const struct net_route *r)
{
	static char text[512];
	char dest[NET_IP_TEXT_MAX], gateway[NET_IP_TEXT_MAX], source[NET_IP_TEXT_MAX], network[NET_IP_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%d %s via %s dev %d from %s%s: %u %x %u", r->family == AF_INET6 ? 6 : 4,
	               net_ip_format(&r->dest, true, dest), net_ip_format(&r->gateway, false, gateway), r->index,
	               net_ip_format(&r->source, false, source), net_ip_format(&r->source_network, true, network),
	               r->scope, r->flags, r->mtu);
	return text;
}

static void resolved(void **state)
{
	/* expected: the route, or the error's text */
	static const struct {
		struct net_route_config config;
		const char *expected;
	} rows[] = {
		{ { "", "10.1.0.1", "eth0", "", .mtu = 1300 }, "4  via 10.1.0.1 dev 3 from : 0 0 1300" },
		{ { "default", "10.1.0.1", "eth0", "", .mtu = 0 }, "4  via 10.1.0.1 dev 3 from : 0 0 0" },
		{ { "0.0.0.0", "10.1.0.1", "eth0", "", .mtu = 0 }, "4  via 10.1.0.1 dev 3 from : 0 0 0" },
		{ { "0.0.0.0/0", "", "eth0", "", .mtu = 0 }, "4  via  dev 3 from : 0 0 0" },
		{ { "::", "fd00::1", "eth0", "", .mtu = 0 }, "6  via fd00::1 dev 3 from : 0 0 0" },
		{ { "", "", "eth0", "", .v6 = true }, "6  via  dev 3 from : 0 0 0" },
		{ { "", "", "eth0", "", .mtu = 0 }, "4  via  dev 3 from : 0 0 0" },
		{ { "10.2.0.0/16", "", "eth0", "10.1.0.2", .scope = 253 },
		  "4 10.2.0.0/16 via  dev 3 from 10.1.0.2: 253 0 0" },
		{ { "10.2.0.1", "", "p0", "10.0.0.0/8", .mtu = 0 }, "4 10.2.0.1/32 via  dev 2 from 10.0.0.0/8: 0 0 0" },
		{ { "fd00:2::/64", "fd00::1", "eth0", "", .mtu = 0 }, "6 fd00:2::/64 via fd00::1 dev 3 from : 0 0 0" },
		{ { "10.2.0.0/16", "10.1.0.1", "", "", .mtu = 0 }, "4 10.2.0.0/16 via 10.1.0.1 dev 0 from : 0 0 0" },
		/* What only the kernel may set is left out. */
		{ { "10.2.0.0/16", "10.1.0.1", "eth0", "", .flags = 0xffffffff },
		  "4 10.2.0.0/16 via 10.1.0.1 dev 3 from : 0 6 0" },
		{ { "10.2.0.0/16", "", "eth7", "", .mtu = 0 }, "Link not found (Name: eth7)" },
		{ { "10.2.0.0/99", "", "eth0", "", .mtu = 0 }, "'99' is no prefix length of an IPv4 address" },
		{ { "there", "", "eth0", "", .mtu = 0 }, "'there' is no IP address" },
		{ { "", "10.1.0.1/24", "eth0", "", .mtu = 0 }, "'10.1.0.1/24' is no IP address" },
		{ { "", "10.1.0.1", "eth0", "me", .mtu = 0 }, "'me' is no IP address" },
		{ { "10.2.0.0/16", "fd00::1", "eth0", "", .mtu = 0 }, "its addresses are of both families" },
		{ { "0.0.0.0", "fd00::1", "eth0", "", .mtu = 0 }, "its addresses are of both families" },
		{ { "10.2.0.0/16", "", "eth0", "", .scope = 256 }, "256 is no scope" },
	};
	_autolinks_ struct net_links links = { 0 };

	assert_int_equal(net_links_read(*state, &links, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct net_route route;
		int r = net_route_resolve(&rows[i].config, &links, &route, &err);

		assert_string_equal(r < 0 ? err.text : route_text(&route), rows[i].expected);
	}
}

static void built(void **state)
{
	static const struct {
		struct net_route_config config;
		const char *expected; /* header; attributes */
	} rows[] = {
		{ { "", "10.1.0.1", "eth0", "", .mtu = 1300 },
		  "02000000fe03000100000000"
		  "080005000a010001"
		  "0800040003000000"
		  "0c0008800800020014050000" },
		{ { "10.2.0.0/16", "", "eth0", "10.1.0.2", .scope = 253, .flags = 4 },
		  "02100000fe03fd0104000000"
		  "080001000a020000"
		  "080007000a010002"
		  "0800040003000000" },
		{ { "fd00:2::/64", "", "eth0", "fd00:3::/48", .mtu = 0 },
		  "0a403000fe03000100000000"
		  "14000100fd000002000000000000000000000000"
		  "14000200fd000003000000000000000000000000"
		  "0800040003000000" },
	};
	_autolinks_ struct net_links links = { 0 };

	assert_int_equal(net_links_read(*state, &links, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct netlink_request request;
		const struct nlmsghdr *message;
		struct net_route route;

		assert_int_equal(net_route_resolve(&rows[i].config, &links, &route, NULL), 0);
		message = net_route_build(&request, &route);
		assert_int_equal(message->nlmsg_type, RTM_NEWROUTE);
		assert_int_equal(message->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE);
		assert_string_equal(fake_rtnetlink_hex(message) + 2 * sizeof(*message), rows[i].expected);
	}
}

/* Of the recording: not the local table, not table 100, not the blackhole. */
static void listed(void **state)
{
	static const char *const expected[] = {
		"4  via 10.1.0.1 dev 3 from : 0 0 1300",
		"4 10.1.0.0/24 via  dev 3 from 10.1.0.2: 253 0 0",
		"4 10.9.0.0/16 via  dev 3 from 10.1.0.2: 253 0 0",
		"4 172.16.0.0/12 via 192.168.77.1 dev 3 from : 0 4 0",
		"6 fd00:1::/64 via  dev 3 from : 0 0 0",
		"6 fe80::/64 via  dev 3 from : 0 0 0",
		"6 fe80::/64 via  dev 2 from : 0 0 0",
		"6  via fd00:1::1 dev 3 from : 0 0 0",
	};
	_autoroutes_ struct net_routes routes = { 0 };
	struct err err = ERR_INIT;
	const struct net_route *v;
	size_t n;

	fake_rtnetlink.n_interrupted = 2;
	assert_int_equal(net_routes_read(*state, &routes, &err), 0);
	v = net_routes_all(&routes, &n);
	for (size_t i = 0; i < n && i < ARRAY_SIZE(expected); i++)
		assert_string_equal(route_text(&v[i]), expected[i]);
	assert_int_equal(n, ARRAY_SIZE(expected));
}

static void cut_messages(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct nlmsghdr *message = fake_rtnetlink_recorded("r4", i);
		struct net_route route;

		for (uint32_t len = sizeof(*message); len < message->nlmsg_len; len++) {
			struct nlmsghdr *copy = malloc(len);

			memcpy(copy, message, len);
			copy->nlmsg_len = len;
			if (net_route_parse(copy, &route))
				assert_int_equal(route.family, AF_INET);
			free(copy);
		}
		free(message);
	}
}

static const struct net_route_config request[] = {
	{ "", "10.9.0.1", "eth0", "", .mtu = 0 },
	{ "10.9.0.0/16", "", "eth0", "", .mtu = 0 },
	{ "10.8.0.0/16", "10.9.0.1", "eth0", "", .mtu = 0 },
	{ "fd00:9::/64", "", "eth0", "", .mtu = 0 },
};

static void gateways_come_last(void **state)
{
	assert_int_equal(net_routes_update(*state, request, ARRAY_SIZE(request), NULL), 0);
	assert_string_equal(fake_rtnetlink.log, "route 0 10.9.0.0/16\nroute 0 fd00:9::/64\n"
	                                        "route 0 default/0\nroute 0 10.8.0.0/16\n");
}

static void equal_ones_are_fine(void **state)
{
	fake_rtnetlink.fail_at = 2;
	fake_rtnetlink.fail_with = EEXIST;
	assert_int_equal(net_routes_update(*state, request, ARRAY_SIZE(request), NULL), 0);
	assert_int_equal(fake_rtnetlink.n_changes, 4);
}

static void failure_ends_it_and_names_the_route(void **state)
{
	struct err err = ERR_INIT;

	fake_rtnetlink.fail_at = 3;
	fake_rtnetlink.fail_with = ENETUNREACH;
	assert_int_equal(net_routes_update(*state, request, ARRAY_SIZE(request), &err), -ENETUNREACH);
	assert_string_equal(err.text, "route to 'default' by '10.9.0.1' on 'eth0': Network is unreachable");
	assert_int_equal(fake_rtnetlink.n_changes, 3);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fake_rtnetlink_setup, fake_rtnetlink_teardown)

int test_net_route(void)
{
	const struct CMUnitTest tests[] = {
		T(resolved),
		T(built),
		T(listed),
		cmocka_unit_test(cut_messages),
		T(gateways_come_last),
		T(equal_ones_are_fine),
		T(failure_ends_it_and_names_the_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
