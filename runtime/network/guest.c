/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/guest.h"

#include <errno.h>
#include <string.h>

static char *ip_text(struct arena *arena, const struct net_ip *ip, bool with_prefix)
{
	char text[NET_IP_TEXT_MAX];

	return arena_strdup(arena, net_ip_format(ip, with_prefix, text));
}

static Types__IPAddress *address(struct arena *arena, const struct net_ip *ip)
{
	Types__IPAddress *a = arena_alloc(arena, sizeof(*a));

	if (!a)
		return NULL;
	types__ipaddress__init(a);
	a->family = ip->family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
	a->address = ip_text(arena, ip, false);
	a->mask = arena_printf(arena, "%u", ip->prefix);
	return a->address && a->mask ? a : NULL;
}

int netguest_interface(struct arena *arena, const struct netplan *plan, size_t n, bool has_pci,
                       Grpc__UpdateInterfaceRequest *ret)
{
	const struct netplan_nic *nic = &plan->nics[n];
	Types__Interface *m = arena_alloc(arena, sizeof(*m));

	if (!m)
		return -ENOMEM;
	types__interface__init(m);
	m->device = m->name = (char *)nic->name;
	m->mtu = nic->mtu;
	m->hwaddr = (char *)nic->mac;
	m->raw_flags = nic->flags & IFF_NOARP;
	if (has_pci)
		m->devicepath = arena_printf(arena, "%02zx", VM_NIC_SLOT + n);
	m->ipaddresses = arena_array(arena, nic->n_addresses + 1, sizeof(*m->ipaddresses));
	if (!m->devicepath || !m->ipaddresses)
		return -ENOMEM;
	for (size_t i = 0; i < nic->n_addresses; i++) {
		m->ipaddresses[i] = address(arena, &nic->addresses[i]);
		if (!m->ipaddresses[i])
			return -ENOMEM;
	}
	m->n_ipaddresses = nic->n_addresses;
	ret->interface = m;
	return 0;
}

static Types__Route *route(struct arena *arena, const struct netplan_route *r)
{
	Types__Route *m = arena_alloc(arena, sizeof(*m));

	if (!m)
		return NULL;
	types__route__init(m);
	m->dest = ip_text(arena, &r->route.dest, true);
	m->gateway = ip_text(arena, &r->route.gateway, false);
	m->source = ip_text(arena, &r->route.source, false);
	m->device = (char *)r->device;
	m->scope = r->route.scope;
	m->family = r->route.family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
	m->flags = r->route.flags;
	m->mtu = r->route.mtu;
	return m->dest && m->gateway && m->source ? m : NULL;
}

int netguest_routes(struct arena *arena, const struct netplan *plan, Grpc__UpdateRoutesRequest *ret)
{
	Grpc__Routes *m = arena_alloc(arena, sizeof(*m));

	if (!m)
		return -ENOMEM;
	grpc__routes__init(m);
	m->routes = arena_array(arena, plan->n_routes + 1, sizeof(*m->routes));
	if (!m->routes)
		return -ENOMEM;
	/* A gateway must be reachable when its route comes. */
	for (int with_gateway = 0; with_gateway <= 1; with_gateway++) {
		for (size_t i = 0; i < plan->n_routes; i++) {
			if ((plan->routes[i].route.gateway.family != AF_UNSPEC) != with_gateway)
				continue;
			m->routes[m->n_routes] = route(arena, &plan->routes[i]);
			if (!m->routes[m->n_routes++])
				return -ENOMEM;
		}
	}
	ret->routes = m;
	return 0;
}

int netguest_neighbours(struct arena *arena, const struct netplan *plan, Grpc__AddARPNeighborsRequest *ret)
{
	Grpc__ARPNeighbors *m = arena_alloc(arena, sizeof(*m));

	if (!m)
		return -ENOMEM;
	grpc__arpneighbors__init(m);
	m->arpneighbors = arena_array(arena, plan->n_neighbours + 1, sizeof(*m->arpneighbors));
	if (!m->arpneighbors)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n_neighbours; i++) {
		const struct netplan_neighbour *n = &plan->neighbours[i];
		Types__ARPNeighbor *one = arena_alloc(arena, sizeof(*one));
		char mac[NET_MAC_TEXT_MAX];

		if (!one)
			return -ENOMEM;
		types__arpneighbor__init(one);
		one->toipaddress = address(arena, &n->neighbour.ip);
		one->device = (char *)n->device;
		one->lladdr = arena_strdup(arena, net_mac_format(&n->neighbour.mac, mac));
		one->state = n->neighbour.state;
		one->flags = n->neighbour.flags;
		if (!one->toipaddress || !one->lladdr)
			return -ENOMEM;
		m->arpneighbors[m->n_arpneighbors++] = one;
	}
	ret->neighbors = m;
	return 0;
}

int netguest_dns(struct arena *arena, const char *text, char ***ret, size_t *ret_n)
{
	size_t n = 1, found = 0;
	char **lines;

	for (const char *p = text; *p; p++)
		n += *p == '\n';
	lines = arena_array(arena, n, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");

		if (len > 0) {
			lines[found] = arena_printf(arena, "%.*s", (int)len, p);
			if (!lines[found++])
				return -ENOMEM;
		}
		p += len + (p[len] == '\n');
	}
	*ret = lines;
	*ret_n = found;
	return 0;
}
