/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes of the main table: add some, list all. Devices are link indexes here, names in a request. A list belongs to
 * its caller.
 */
#pragma once

#include "lib/buf.h"
#include "lib/net_ip.h"
#include "lib/net_link.h"
#include "lib/netlink.h"

/* A route as a host asks for it; the strings are borrowed and never NULL. */
struct net_route_config {
	const char *dest, *gateway, *device, *source;
	uint32_t scope, flags, mtu;
	bool v6; /* counts only when no address tells the family */
};

struct net_route {
	int family;
	int index;                    /* of the link, 0 = none */
	struct net_ip dest;           /* none = default */
	struct net_ip gateway;        /* or none */
	struct net_ip source;         /* the preferred source address, or none */
	struct net_ip source_network; /* packets from there only, or none */
	uint32_t scope, flags, mtu;
	uint8_t protocol; /* RTPROT_*, of one that was read */
};

/* `items` holds struct net_route. */
struct net_routes {
	struct buf items;
};

#define _autoroutes_ _cleanup_(net_routes_done)

/* Reads the unicast routes of the main table, both families; to be freed with net_routes_done in every case. */
int net_routes_read(struct netlink *nl, struct net_routes *ret, struct err *err);

/* Frees the list. */
void net_routes_done(struct net_routes *routes);

/* The list as an array of *ret_n. */
const struct net_route *net_routes_all(const struct net_routes *routes, size_t *ret_n);

/* Adds or replaces all of them, those without gateway first; the first failure ends it. Errors name the route. */
int net_routes_update(struct netlink *nl, const struct net_route_config *configs, size_t n, struct err *err);

/* Turns a request's texts into a route of these links; the error does not name the route. */
int net_route_resolve(const struct net_route_config *config, const struct net_links *links, struct net_route *ret,
                      struct err *err);

/* The request that adds or replaces a route. */
struct nlmsghdr *net_route_build(struct netlink_request *request, const struct net_route *route);

/* Reads an RTM_NEWROUTE message; false if it is something else, or not a unicast route of the main table. */
bool net_route_parse(const struct nlmsghdr *message, struct net_route *ret);
