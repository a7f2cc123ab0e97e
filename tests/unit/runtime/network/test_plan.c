/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/plan.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "runtime/network/guest.h"
#include "tests/lib/unit.h"

static void add_link(struct netscan *scan, int index, const char *name, unsigned flags, unsigned short type)
{
	struct net_link link = { .index = index, .flags = flags, .mtu = 1400, .type = type };

	(void)snprintf(link.name, sizeof(link.name), "%s", name);
	link.mac = (struct net_mac){ { 2, 0, 0, 0, 0, (uint8_t)index }, 6 };
	assert_int_equal(buf_add(&scan->links.items, &link, sizeof(link)), 0);
}

static void add_address(struct netscan *scan, int index, const char *text)
{
	struct net_address address = { .index = index };

	assert_int_equal(net_ip_parse_prefix(text, &address.ip, NULL), 0);
	assert_int_equal(buf_add(&scan->addresses.items, &address, sizeof(address)), 0);
}

static void add_route(struct netscan *scan, int index, const char *dest, const char *gateway, uint8_t protocol)
{
	struct net_route route = { .index = index, .family = AF_INET, .protocol = protocol };

	if (dest)
		assert_int_equal(net_ip_parse_prefix(dest, &route.dest, NULL), 0);
	if (gateway)
		assert_int_equal(net_ip_parse(gateway, &route.gateway, NULL), 0);
	assert_int_equal(buf_add(&scan->routes.items, &route, sizeof(route)), 0);
}

static void add_neighbour(struct netscan *scan, int index, const char *ip, uint16_t state)
{
	struct net_neighbour n = { .index = index, .state = state, .mac = { { 2, 0, 0, 0, 9, 9 }, 6 } };

	assert_int_equal(net_ip_parse(ip, &n.ip, NULL), 0);
	assert_int_equal(buf_add(&scan->neighbours.items, &n, sizeof(n)), 0);
}

/* A pod's namespace as plugins leave it, with everything in it that no guest gets. */
static void fill(struct netscan *scan)
{
	add_link(scan, 1, "lo", IFF_UP | IFF_LOOPBACK, ARPHRD_LOOPBACK);
	add_address(scan, 1, "127.0.0.1/8");
	add_link(scan, 2, "bare", IFF_UP, ARPHRD_ETHER);
	add_link(scan, 3, "eth0", IFF_UP, ARPHRD_ETHER);
	add_address(scan, 3, "10.1.0.2/24");
	add_address(scan, 3, "fd00::2/64");
	add_link(scan, 4, "wg0", IFF_UP | IFF_NOARP, ARPHRD_NONE);
	add_address(scan, 4, "10.9.0.2/32");
	add_link(scan, 5, "net1", IFF_UP | IFF_NOARP, ARPHRD_ETHER);
	add_address(scan, 5, "10.2.0.2/24");
	add_route(scan, 3, NULL, "10.1.0.1", RTPROT_BOOT);
	add_route(scan, 3, "10.1.0.0/24", NULL, RTPROT_KERNEL);
	add_route(scan, 5, "192.0.2.0/24", NULL, RTPROT_STATIC);
	add_route(scan, 4, "10.9.0.0/16", NULL, RTPROT_BOOT);
	add_neighbour(scan, 3, "10.1.0.9", NUD_PERMANENT);
	add_neighbour(scan, 3, "10.1.0.8", NUD_STALE);
	add_neighbour(scan, 4, "10.9.0.8", NUD_PERMANENT);
}

static void what_a_guest_gets(void **state)
{
	_autonetscan_ struct netscan scan = { 0 };
	_autoarena_ struct arena arena = { .max = 0 };
	_autobuf_ struct buf text = BUF_INIT;
	struct netplan plan;

	(void)state;
	fill(&scan);
	assert_int_equal(netplan_of(&arena, &scan, &plan, NULL), 0);
	assert_int_equal(netplan_print(&plan, &text), 0);
	assert_string_equal(buf_str(&text), "nic eth0 index=3 mac=02:00:00:00:00:03 mtu=1400 tap=tap0_kata\n"
	                                    "address 10.1.0.2/24 on eth0\n"
	                                    "address fd00::2/64 on eth0\n"
	                                    "nic net1 index=5 mac=02:00:00:00:00:05 mtu=1400 tap=tap1_kata\n"
	                                    "address 10.2.0.2/24 on net1\n"
	                                    "route to '' by '10.1.0.1' on eth0\n"
	                                    "route to '192.0.2.0/24' by '' on net1\n"
	                                    "neighbour 10.1.0.9 is 02:00:00:00:09:09 on eth0\n"
	                                    "left out wg0\n");
}

static void an_empty_namespace_gives_nothing(void **state)
{
	_autonetscan_ struct netscan scan = { 0 };
	_autoarena_ struct arena arena = { .max = 0 };
	struct netplan plan;

	(void)state;
	add_link(&scan, 1, "lo", IFF_LOOPBACK, ARPHRD_LOOPBACK);
	assert_int_equal(netplan_of(&arena, &scan, &plan, NULL), 0);
	assert_int_equal(plan.n_nics + plan.n_routes + plan.n_neighbours, 0);
	assert_string_equal(plan.left_out, "");
}

static void there_is_room_for_so_many(void **state)
{
	_autonetscan_ struct netscan scan = { 0 };
	_autoarena_ struct arena arena = { .max = 0 };
	struct err err = ERR_INIT;
	struct netplan plan;

	(void)state;
	for (int i = 1; i <= VM_NICS_MAX; i++) {
		add_link(&scan, i, "eth", IFF_UP, ARPHRD_ETHER);
		add_address(&scan, i, "10.1.0.2/24");
	}
	assert_int_equal(netplan_of(&arena, &scan, &plan, NULL), 0);
	assert_int_equal(plan.n_nics, VM_NICS_MAX);
	add_link(&scan, 99, "more", IFF_UP, ARPHRD_ETHER);
	add_address(&scan, 99, "10.1.0.2/24");
	assert_int_equal(netplan_of(&arena, &scan, &plan, &err), -E2BIG);
	assert_string_equal(err.text, "plan the network: more than 14 links");
}

static void user_mode_has_its_own_plan(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	_autobuf_ struct buf one = BUF_INIT, again = BUF_INIT, other = BUF_INIT;
	struct netplan plan;

	(void)state;
	assert_int_equal(netplan_user(&arena, "web", &plan, NULL), 0);
	assert_int_equal(netplan_print(&plan, &one), 0);
	assert_int_equal(netplan_user(&arena, "web", &plan, NULL), 0);
	assert_int_equal(netplan_print(&plan, &again), 0);
	assert_int_equal(netplan_user(&arena, "web2", &plan, NULL), 0);
	assert_int_equal(netplan_print(&plan, &other), 0);
	assert_string_equal(buf_str(&one), buf_str(&again));
	assert_string_not_equal(buf_str(&one), buf_str(&other));
	assert_non_null(strstr(buf_str(&one), "nic eth0 index=0 mac=02:4B:"));
	assert_non_null(strstr(buf_str(&one), "address 10.0.2.15/24 on eth0\nroute to '' by '10.0.2.2' on eth0\n"));
}

/* --- what the agent is told -------------------------------------------------------------------------------------- */

static void requests_for_the_agent(void **state)
{
	Grpc__UpdateInterfaceRequest nic = GRPC__UPDATE_INTERFACE_REQUEST__INIT;
	Grpc__UpdateRoutesRequest routes = GRPC__UPDATE_ROUTES_REQUEST__INIT;
	Grpc__AddARPNeighborsRequest neighbours = GRPC__ADD_ARPNEIGHBORS_REQUEST__INIT;
	_autonetscan_ struct netscan scan = { 0 };
	_autoarena_ struct arena arena = { .max = 0 };
	struct netplan plan;

	(void)state;
	fill(&scan);
	assert_int_equal(netplan_of(&arena, &scan, &plan, NULL), 0);
	assert_int_equal(netguest_interface(&arena, &plan, 1, true, &nic), 0);
	assert_string_equal(nic.interface->name, "net1");
	assert_string_equal(nic.interface->hwaddr, "02:00:00:00:00:05");
	assert_string_equal(nic.interface->devicepath, "11");
	assert_int_equal(nic.interface->raw_flags, IFF_NOARP);
	assert_int_equal(nic.interface->mtu, 1400);
	assert_int_equal(netguest_interface(&arena, &plan, 0, false, &nic), 0);
	assert_string_equal(nic.interface->devicepath, "");
	assert_int_equal(nic.interface->n_ipaddresses, 2);
	assert_string_equal(nic.interface->ipaddresses[1]->address, "fd00::2");
	assert_string_equal(nic.interface->ipaddresses[1]->mask, "64");
	assert_int_equal(nic.interface->ipaddresses[1]->family, TYPES__IPFAMILY__v6);
	assert_int_equal(netguest_routes(&arena, &plan, &routes), 0);
	assert_int_equal(routes.routes->n_routes, 2);
	assert_string_equal(routes.routes->routes[0]->dest, "192.0.2.0/24");
	assert_string_equal(routes.routes->routes[1]->gateway, "10.1.0.1");
	assert_int_equal(netguest_neighbours(&arena, &plan, &neighbours), 0);
	assert_int_equal(neighbours.neighbors->n_arpneighbors, 1);
	assert_string_equal(neighbours.neighbors->arpneighbors[0]->lladdr, "02:00:00:00:09:09");
}

static void name_servers_are_lines(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *last;
	} rows[] = {
		{ "", 0, NULL },
		{ "\n\n", 0, NULL },
		{ "nameserver 1.2.3.4", 1, "nameserver 1.2.3.4" },
		{ "a\n\nb\n", 2, "b" },
	};
	_autoarena_ struct arena arena = { .max = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char **lines = NULL;
		size_t n = 99;

		assert_int_equal(netguest_dns(&arena, rows[i].text, &lines, &n), 0);
		assert_int_equal(n, rows[i].n);
		if (n > 0)
			assert_string_equal(lines[n - 1], rows[i].last);
	}
}

int test_plan(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_guest_gets),         cmocka_unit_test(an_empty_namespace_gives_nothing),
		cmocka_unit_test(there_is_room_for_so_many), cmocka_unit_test(user_mode_has_its_own_plan),
		cmocka_unit_test(requests_for_the_agent),    cmocka_unit_test(name_servers_are_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
