/* SPDX-License-Identifier: Apache-2.0 */
/* What the network handlers say when it cannot be done; the rest needs a network: tests/integration/network.sh. */
#include <errno.h>
#include <unistd.h>

#include "lib/netlink.h"
#include "tests/unit/agent/rpc/fixture.h"

int __wrap_netlink_open(struct netlink *ret, uint32_t groups, struct err *err);
int __wrap_netlink_open(struct netlink *ret, uint32_t groups, struct err *err)
{
	(void)ret;
	(void)groups;
	return err_say(err, EMFILE, "fake reason");
}

static void empty_requests(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fixture_call(f, fd, "UpdateInterface", NULL, RPC_INVALID_ARGUMENT, "empty update interface request");
	fixture_call(f, fd, "UpdateRoutes", NULL, RPC_INVALID_ARGUMENT, "empty update routes request");
	fixture_call(f, fd, "AddARPNeighbors", NULL, RPC_INVALID_ARGUMENT, "empty add arp neighbours request");
	(void)close(fd);
}

static void failures_have_their_texts(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__UpdateInterfaceRequest interface = GRPC__UPDATE_INTERFACE_REQUEST__INIT;
	Grpc__UpdateRoutesRequest routes = GRPC__UPDATE_ROUTES_REQUEST__INIT;
	Grpc__AddARPNeighborsRequest neighbours = GRPC__ADD_ARPNEIGHBORS_REQUEST__INIT;
	const struct options options = { .hotplug_timeout_s = 3 };
	Types__Interface nothing = TYPES__INTERFACE__INIT;
	Grpc__Routes no_routes = GRPC__ROUTES__INIT;
	Grpc__ARPNeighbors some = GRPC__ARPNEIGHBORS__INIT;
	Types__ARPNeighbor neighbour = TYPES__ARPNEIGHBOR__INIT, *list[] = { &neighbour };

	f->sandbox.options = &options;
	interface.interface = &nothing;
	routes.routes = &no_routes;
	neighbours.neighbors = &some;
	fixture_call(f, fd, "UpdateInterface", &interface.base, RPC_INTERNAL, "update interface: fake reason");
	fixture_call(f, fd, "UpdateRoutes", &routes.base, RPC_INTERNAL, "Failed to update routes: fake reason");
	fixture_call(f, fd, "AddARPNeighbors", &neighbours.base, RPC_INTERNAL,
	             "Failed to add ARP neighbours: fake reason");
	some.n_arpneighbors = 1;
	some.arpneighbors = list;
	fixture_call(f, fd, "AddARPNeighbors", &neighbours.base, RPC_INTERNAL,
	             "Failed to add ARP neighbours: neighbour 0 on '' has no IP address");
	fixture_call(f, fd, "ListInterfaces", NULL, RPC_INTERNAL, "list interfaces: fake reason");
	fixture_call(f, fd, "ListRoutes", NULL, RPC_INTERNAL, "list routes: fake reason");
	nothing.devicepath = (char *)(uintptr_t) "99";
	fixture_call(f, fd, "UpdateInterface", &interface.base, RPC_INTERNAL, "Invalid PCI path '99'");
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_network(void)
{
	const struct CMUnitTest tests[] = {
		T(empty_requests),
		T(failures_have_their_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
