/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's UpdateInterface means: find the link by its hardware address (or give the one of that name the
 * address), give it name, MTU, addresses, and bring it up. Who has the name already swaps with it.
 */
#pragma once

#include "lib/net_address.h"
#include "lib/net_link.h"
#include "lib/netlink.h"

struct net_address_config {
	const char *address, *mask; /* mask: a decimal prefix length */
};

/* An interface as a host asks for it; the strings are borrowed and never NULL. */
struct net_interface_config {
	const char *name, *hw_addr;
	uint64_t mtu;       /* 0 = as it is */
	uint32_t raw_flags; /* IFF_NOARP counts */
	const struct net_address_config *addresses;
	size_t n_addresses;
};

/* Does it, IPv6 addresses only with `ipv6`. The text of a missing link has "Link not found", which hosts look for. */
int net_interface_update(struct netlink *nl, const struct net_interface_config *config, bool ipv6, struct err *err);

/* Gives the link of that name a hardware address, taking it down meanwhile; nothing if it has it. */
int net_interface_set_mac(struct netlink *nl, const char *name, const char *hw_addr, struct err *err);

/* False if IPv6 is switched off, both for all links and for new ones, below this /proc. */
bool net_has_ipv6(int procfs);
