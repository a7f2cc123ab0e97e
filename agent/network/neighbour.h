/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the neighbour tables (ARP, NDP): add or replace. Nothing is listed.
 */
#pragma once

#include "agent/network/ip.h"
#include "agent/network/link.h"
#include "lib/netlink.h"

/* An entry as a host asks for it; the strings are borrowed and never NULL. */
struct net_neighbour_config {
	const char *address, *device, *lladdr;
	int state, flags; /* NUD_*, 0 = permanent; NTF_* */
};

struct net_neighbour {
	int index; /* of the link */
	struct net_ip ip;
	struct net_mac mac; /* or none */
	uint16_t state;
	uint8_t flags;
};

/* Adds or replaces all of them; the first failure ends it. Errors name the neighbour. */
int net_neighbours_add(struct netlink *nl, const struct net_neighbour_config *configs, size_t n, struct err *err);

/* Turns a request's texts into an entry for one of these links; the error does not name the neighbour. */
int net_neighbour_resolve(const struct net_neighbour_config *config, const struct net_links *links,
                          struct net_neighbour *ret, struct err *err);

/* The request that adds or replaces an entry. */
struct nlmsghdr *net_neighbour_build(struct netlink_request *request, const struct net_neighbour *neighbour);
