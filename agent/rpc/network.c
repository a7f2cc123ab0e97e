/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/network/interface.h"
#include "agent/network/wait.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/net_neighbour.h"
#include "lib/net_route.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"
#include "proto/pbmem.h"

/* An initialised message in the arena. */
#define NEW(arena, type, prefix) ((type *)pb_new(&prefix##__descriptor, arena))

/* --- UpdateInterface --------------------------------------------------------------------------------------------- */

/* Parked while the device is not there. */
struct interface_state {
	struct rpc_call *call;
	struct net_wait wait;
};

static const Types__Interface *interface_of(const struct rpc_call *call)
{
	return RPC_REQUEST(call, Grpc__UpdateInterfaceRequest)->interface;
}

static int fill_interface(struct arena *arena, const Types__Interface *m, struct net_interface_config *ret)
{
	struct net_address_config *addresses = arena_array(arena, m->n_ipaddresses, sizeof(*addresses));

	if (!addresses)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_ipaddresses; i++) {
		addresses[i].address = m->ipaddresses[i]->address;
		addresses[i].mask = m->ipaddresses[i]->mask;
	}
	*ret = (struct net_interface_config){
		.name = m->name,
		.hw_addr = m->hwaddr,
		.mtu = m->mtu,
		.raw_flags = m->raw_flags,
		.addresses = addresses,
		.n_addresses = m->n_ipaddresses,
	};
	return 0;
}

static int apply_interface(struct rpc_call *call, struct netlink *nl, struct err *err)
{
	_autoclose_ int procfs = sys_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	struct net_interface_config config;

	if (procfs < 0)
		return err_set(err, procfs, "open '/proc'");
	if (fill_interface(&call->arena, interface_of(call), &config) < 0)
		return err_set(err, ENOMEM, "copy the request");
	return net_interface_update(nl, &config, net_has_ipv6(procfs), err);
}

/* `at_pci` is the name of the device that was waited for, or NULL; what goes wrong with its address shows later. */
static void update_interface(struct rpc_call *call, const char *at_pci)
{
	const Types__Interface *m = interface_of(call);
	_autonetlink_ struct netlink nl = NETLINK_INIT;
	struct err err = ERR_INIT;
	int r = netlink_open(&nl, 0, &err);

	if (r == 0 && at_pci && m->hwaddr[0] && net_interface_set_mac(&nl, at_pci, m->hwaddr, &err) < 0)
		log_warning("network", "Cannot set the hardware address of '%s' at PCI path '%s': %s, ignoring", at_pci,
		            m->devicepath, err_text(&err));
	if (r == 0)
		r = apply_interface(call, &nl, &err);
	if (r < 0)
		rpc_fail(call, RPC_INTERNAL, "update interface: %s", err_text(&err));
	else
		rpc_reply(call, &m->base);
}

static void device_waited(struct net_wait *wait, int r, const char *name, const struct err *err)
{
	struct rpc_call *call = container_of(wait, struct interface_state, wait)->call;

	call->cancel = NULL;
	if (r < 0)
		rpc_fail_err(call, RPC_INTERNAL, err);
	else
		update_interface(call, name);
}

static void cancel_wait(struct rpc_call *call)
{
	net_wait_cancel(&((struct interface_state *)call->state)->wait);
}

/* As net_wait_start. */
static int wait_for_device(struct rpc_call *call, char *name, struct err *err)
{
	const struct sandbox *s = call->server->sandbox;
	struct interface_state *state = arena_alloc(&call->arena, sizeof(*state));
	int sysfs, r;

	if (!state)
		return err_set(err, ENOMEM, "update interface");
	sysfs = sys_openat(AT_FDCWD, "/sys", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (sysfs < 0)
		return err_set(err, sysfs, "update interface: open '/sys'");
	state->call = call;
	state->wait = (struct net_wait){
		.path = interface_of(call)->devicepath,
		.sysfs = sysfs,
		.timeout_s = s->options->hotplug_timeout_s,
		.done = device_waited,
	};
	r = net_wait_start(s->env.loop, &state->wait, name, err);
	if (r == 0) {
		call->state = state;
		call->cancel = cancel_wait;
	}
	return r;
}

void rpc_update_interface(struct rpc_call *call)
{
	const Types__Interface *m = interface_of(call);
	struct err err = ERR_INIT;
	char name[IF_NAMESIZE];
	int r = 1;

	if (!m) {
		rpc_fail(call, RPC_INVALID_ARGUMENT, "empty update interface request");
		return;
	}
	if (m->devicepath[0])
		r = wait_for_device(call, name, &err);
	if (r < 0)
		rpc_fail_err(call, RPC_INTERNAL, &err);
	else if (r > 0)
		update_interface(call, m->devicepath[0] ? name : NULL);
}

/* --- ListInterfaces ---------------------------------------------------------------------------------------------- */

static Types__IPAddress *address_message(struct arena *arena, const struct net_ip *ip)
{
	Types__IPAddress *m = NEW(arena, Types__IPAddress, types__ipaddress);
	char text[NET_IP_TEXT_MAX];

	if (!m)
		return NULL;
	m->family = ip->family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
	m->address = arena_strdup(arena, net_ip_format(ip, false, text));
	m->mask = arena_printf(arena, "%u", ip->prefix);
	return m->address && m->mask ? m : NULL;
}

static Types__Interface *interface_message(struct arena *arena, const struct net_link *link,
                                           const struct net_addresses *addresses)
{
	Types__Interface *m = NEW(arena, Types__Interface, types__interface);
	char text[NET_MAC_TEXT_MAX];
	size_t n;
	const struct net_address *v = net_addresses_all(addresses, &n);

	if (!m)
		return NULL;
	m->name = m->device = arena_strdup(arena, link->name);
	m->hwaddr = arena_strdup(arena, net_mac_format(&link->mac, text));
	m->mtu = link->mtu;
	m->ipaddresses = arena_array(arena, n, sizeof(*m->ipaddresses));
	if (!m->name || !m->hwaddr || !m->ipaddresses)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (v[i].index != link->index)
			continue;
		m->ipaddresses[m->n_ipaddresses] = address_message(arena, &v[i].ip);
		if (!m->ipaddresses[m->n_ipaddresses++])
			return NULL;
	}
	return m;
}

static int fill_interfaces(struct arena *arena, const struct net_links *links, const struct net_addresses *addresses,
                           Grpc__Interfaces *ret)
{
	size_t n;
	const struct net_link *v = net_links_all(links, &n);

	ret->interfaces = arena_array(arena, n, sizeof(*ret->interfaces));
	ret->n_interfaces = n;
	for (size_t i = 0; ret->interfaces && i < n; i++) {
		ret->interfaces[i] = interface_message(arena, &v[i], addresses);
		if (!ret->interfaces[i])
			return -ENOMEM;
	}
	return ret->interfaces ? 0 : -ENOMEM;
}

void rpc_list_interfaces(struct rpc_call *call)
{
	_autonetlink_ struct netlink nl = NETLINK_INIT;
	_autolinks_ struct net_links links = { 0 };
	_autoaddresses_ struct net_addresses addresses = { 0 };
	Grpc__Interfaces reply = GRPC__INTERFACES__INIT;
	struct err err = ERR_INIT;
	int r = netlink_open(&nl, 0, &err);

	if (r == 0)
		r = net_links_read(&nl, &links, &err);
	if (r == 0)
		r = net_addresses_read(&nl, &addresses, &err);
	if (r == 0 && fill_interfaces(&call->arena, &links, &addresses, &reply) < 0)
		r = err_set(&err, ENOMEM, "describe them");
	if (r < 0)
		rpc_fail(call, RPC_INTERNAL, "list interfaces: %s", err_text(&err));
	else
		rpc_reply(call, &reply.base);
}

/* --- routes ------------------------------------------------------------------------------------------------------ */

static char *dest_text(struct arena *arena, const struct net_route *route)
{
	char text[NET_IP_TEXT_MAX];

	if (route->dest.family == AF_UNSPEC)
		return arena_strdup(arena, route->family == AF_INET6 ? "::" : "0.0.0.0");
	return arena_strdup(arena, net_ip_format(&route->dest, true, text));
}

static char *source_text(struct arena *arena, const struct net_route *route)
{
	bool is_network = route->source_network.family != AF_UNSPEC;
	char text[NET_IP_TEXT_MAX];

	return arena_strdup(arena,
	                    net_ip_format(is_network ? &route->source_network : &route->source, is_network, text));
}

static Types__Route *route_message(struct arena *arena, const struct net_route *route, const struct net_links *links)
{
	const struct net_link *link = net_links_find_index(links, route->index);
	Types__Route *m = NEW(arena, Types__Route, types__route);
	char text[NET_IP_TEXT_MAX];

	if (!m)
		return NULL;
	m->dest = dest_text(arena, route);
	m->gateway = arena_strdup(arena, net_ip_format(&route->gateway, false, text));
	m->source = source_text(arena, route);
	m->device = arena_strdup(arena, link ? link->name : "");
	m->scope = route->scope;
	m->flags = route->flags;
	m->mtu = route->mtu;
	m->family = route->family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
	return m->dest && m->gateway && m->source && m->device ? m : NULL;
}

static int fill_routes(struct arena *arena, const struct net_routes *routes, const struct net_links *links,
                       Grpc__Routes *ret)
{
	size_t n;
	const struct net_route *v = net_routes_all(routes, &n);

	ret->routes = arena_array(arena, n, sizeof(*ret->routes));
	ret->n_routes = n;
	for (size_t i = 0; ret->routes && i < n; i++) {
		ret->routes[i] = route_message(arena, &v[i], links);
		if (!ret->routes[i])
			return -ENOMEM;
	}
	return ret->routes ? 0 : -ENOMEM;
}

/* Answers with the routes that there are. */
static void reply_routes(struct rpc_call *call, struct netlink *nl, const char *what)
{
	_autolinks_ struct net_links links = { 0 };
	_autoroutes_ struct net_routes routes = { 0 };
	Grpc__Routes reply = GRPC__ROUTES__INIT;
	struct err err = ERR_INIT;
	int r = net_routes_read(nl, &routes, &err);

	if (r == 0)
		r = net_links_read(nl, &links, &err);
	if (r == 0 && fill_routes(&call->arena, &routes, &links, &reply) < 0)
		r = err_set(&err, ENOMEM, "describe them");
	if (r < 0)
		rpc_fail(call, RPC_INTERNAL, "%s: %s", what, err_text(&err));
	else
		rpc_reply(call, &reply.base);
}

void rpc_list_routes(struct rpc_call *call)
{
	_autonetlink_ struct netlink nl = NETLINK_INIT;
	struct err err = ERR_INIT;

	if (netlink_open(&nl, 0, &err) < 0)
		rpc_fail(call, RPC_INTERNAL, "list routes: %s", err_text(&err));
	else
		reply_routes(call, &nl, "list routes");
}

static int update_routes(struct rpc_call *call, struct netlink *nl, const Grpc__Routes *routes, struct err *err)
{
	struct net_route_config *configs = arena_array(&call->arena, routes->n_routes, sizeof(*configs));

	if (!configs)
		return err_set(err, ENOMEM, "copy the request");
	for (size_t i = 0; i < routes->n_routes; i++) {
		const Types__Route *m = routes->routes[i];

		configs[i] = (struct net_route_config){
			.dest = m->dest,
			.gateway = m->gateway,
			.device = m->device,
			.source = m->source,
			.scope = m->scope,
			.flags = m->flags,
			.mtu = m->mtu,
			.v6 = m->family == TYPES__IPFAMILY__v6,
		};
	}
	return net_routes_update(nl, configs, routes->n_routes, err);
}

void rpc_update_routes(struct rpc_call *call)
{
	const Grpc__UpdateRoutesRequest *req = RPC_REQUEST(call, Grpc__UpdateRoutesRequest);
	_autonetlink_ struct netlink nl = NETLINK_INIT;
	struct err err = ERR_INIT;
	int r;

	if (!req->routes) {
		rpc_fail(call, RPC_INVALID_ARGUMENT, "empty update routes request");
		return;
	}
	r = netlink_open(&nl, 0, &err);
	if (r == 0)
		r = update_routes(call, &nl, req->routes, &err);
	if (r < 0)
		rpc_fail(call, RPC_INTERNAL, "Failed to update routes: %s", err_text(&err));
	else
		reply_routes(call, &nl, "Failed to list routes after update");
}

/* --- neighbours -------------------------------------------------------------------------------------------------- */

static int add_neighbours(struct rpc_call *call, const Grpc__ARPNeighbors *neighbours, struct err *err)
{
	struct net_neighbour_config *configs = arena_array(&call->arena, neighbours->n_arpneighbors, sizeof(*configs));
	_autonetlink_ struct netlink nl = NETLINK_INIT;
	int r;

	if (!configs)
		return err_set(err, ENOMEM, "copy the request");
	for (size_t i = 0; i < neighbours->n_arpneighbors; i++) {
		const Types__ARPNeighbor *m = neighbours->arpneighbors[i];

		if (!m->toipaddress)
			return err_say(err, EINVAL, "neighbour %zu on '%s' has no IP address", i, m->device);
		configs[i] = (struct net_neighbour_config){
			.address = m->toipaddress->address,
			.device = m->device,
			.lladdr = m->lladdr,
			.state = m->state,
			.flags = m->flags,
		};
	}
	r = netlink_open(&nl, 0, err);
	return r == 0 ? net_neighbours_add(&nl, configs, neighbours->n_arpneighbors, err) : r;
}

void rpc_add_arp_neighbors(struct rpc_call *call)
{
	const Grpc__AddARPNeighborsRequest *req = RPC_REQUEST(call, Grpc__AddARPNeighborsRequest);
	struct err err = ERR_INIT;

	if (!req->neighbors)
		rpc_fail(call, RPC_INVALID_ARGUMENT, "empty add arp neighbours request");
	else if (add_neighbours(call, req->neighbors, &err) < 0)
		rpc_fail(call, RPC_INTERNAL, "Failed to add ARP neighbours: %s", err_text(&err));
	else
		rpc_reply_empty(call);
}
