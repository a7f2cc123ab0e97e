/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the neighbour tables (ARP, NDP): add or replace, list. A list belongs to its caller.
 */
#pragma once

#include "lib/net_ip.h"
#include "lib/net_link.h"
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

/* `items` holds struct net_neighbour. */
struct net_neighbours {
	struct buf items;
};

#define _autoneighbours_ _cleanup_(net_neighbours_done)

/* Reads the entries of all links, both families; to be freed with net_neighbours_done in every case. */
int net_neighbours_read(struct netlink *nl, struct net_neighbours *ret, struct err *err);

/* Frees the list. */
void net_neighbours_done(struct net_neighbours *neighbours);

/* The list as an array of *ret_n. */
const struct net_neighbour *net_neighbours_all(const struct net_neighbours *neighbours, size_t *ret_n);

/* Reads an RTM_NEWNEIGH message of an IP address; false if it is something else. */
bool net_neighbour_parse(const struct nlmsghdr *message, struct net_neighbour *ret);

/* Adds or replaces all of them; the first failure ends it. Errors name the neighbour. */
int net_neighbours_add(struct netlink *nl, const struct net_neighbour_config *configs, size_t n, struct err *err);

/* Turns a request's texts into an entry for one of these links; the error does not name the neighbour. */
int net_neighbour_resolve(const struct net_neighbour_config *config, const struct net_links *links,
                          struct net_neighbour *ret, struct err *err);

/* The request that adds or replaces an entry. */
struct nlmsghdr *net_neighbour_build(struct netlink_request *request, const struct net_neighbour *neighbour);
