/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network namespace holds: links, addresses, routes, neighbours, as the kernel tells them. Reads only; what of
 * it goes to a guest is in plan.h. The caller owns the struct.
 */
#pragma once

#include "lib/net_address.h"
#include "lib/net_link.h"
#include "lib/net_neighbour.h"
#include "lib/net_route.h"

struct netscan {
	struct net_links links;
	struct net_addresses addresses;
	struct net_routes routes;
	struct net_neighbours neighbours;
};

#define _autonetscan_ _cleanup_(netscan_done)

/* Reads all of it from the namespace of the socket; to be freed with netscan_done in every case. */
int netscan_read(struct netlink *nl, struct netscan *ret, struct err *err);

/* Frees the lists. */
void netscan_done(struct netscan *scan);
