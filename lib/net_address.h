/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses of links: add one, list them all. A list belongs to its caller.
 */
#pragma once

#include "lib/buf.h"
#include "lib/net_ip.h"
#include "lib/netlink.h"

struct net_address {
	int index; /* of the link */
	struct net_ip ip;
};

/* `items` holds struct net_address. */
struct net_addresses {
	struct buf items;
};

#define _autoaddresses_ _cleanup_(net_addresses_done)

/* Reads the addresses of all links, both families; the list is to be freed with net_addresses_done in every case. */
int net_addresses_read(struct netlink *nl, struct net_addresses *ret, struct err *err);

/* Frees the list. */
void net_addresses_done(struct net_addresses *addresses);

/* The list as an array of *ret_n. */
const struct net_address *net_addresses_all(const struct net_addresses *addresses, size_t *ret_n);

/* Adds the address, or replaces the one that is there. The error names the address. */
int net_address_add(struct netlink *nl, const struct net_address *address, struct err *err);

/* The request behind net_address_add. */
struct nlmsghdr *net_address_build(struct netlink_request *request, const struct net_address *address);

/* Reads an RTM_NEWADDR message; false if it is something else. */
bool net_address_parse(const struct nlmsghdr *message, struct net_address *ret);
