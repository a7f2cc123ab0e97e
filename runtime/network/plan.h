/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which links of a namespace a guest gets, and with what: pure, from a scan. A link goes to the guest if it is of
 * Ethernet and has an address; its routes are those that nobody's kernel has made by itself, its neighbours the
 * permanent ones. Everything is in the caller's arena.
 */
#pragma once

#include "lib/arena.h"
#include "runtime/hypervisor/vm.h"
#include "runtime/network/scan.h"

struct netplan_nic {
	int index; /* of the link in the namespace, 0 = none: QEMU's user-mode network */
	const char *name;
	char mac[NET_MAC_TEXT_MAX];
	uint32_t mtu;
	unsigned flags;
	struct net_ip *addresses;
	size_t n_addresses;
	char tap[IF_NAMESIZE]; /* what stands between the link and QEMU */
};

/* By the name of the nic. */
struct netplan_route {
	const char *device;
	struct net_route route;
};

struct netplan_neighbour {
	const char *device;
	struct net_neighbour neighbour;
};

struct netplan {
	struct netplan_nic nics[VM_NICS_MAX];
	size_t n_nics;
	struct netplan_route *routes;
	size_t n_routes;
	struct netplan_neighbour *neighbours;
	size_t n_neighbours;
	const char *left_out; /* names of links with addresses that no guest can be given; "" = none */
};

/* What a guest gets of this namespace; -E2BIG if it has more links than a VM has room for. */
int netplan_of(struct arena *arena, const struct netscan *scan, struct netplan *ret, struct err *err);

/* The one nic of QEMU's user-mode network: its address is made from the sandbox's id. */
int netplan_user(struct arena *arena, const char *sandbox, struct netplan *ret, struct err *err);

/* Appends the plan as text, a line for each thing. */
int netplan_print(const struct netplan *plan, struct buf *out);

#define NETPLAN_USER_DNS "10.0.2.3" /* of QEMU's user-mode network */
