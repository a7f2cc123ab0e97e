/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network links: list them, change one. What an interface of the host's request means for links is in interface.h.
 * A list belongs to its caller.
 */
#pragma once

#include <net/if.h>

#include "lib/buf.h"
#include "lib/netlink.h"

#define NET_MAC_MAX      32
#define NET_MAC_TEXT_MAX (3 * NET_MAC_MAX)
#define NET_KIND_MAX     16

struct net_mac {
	uint8_t bytes[NET_MAC_MAX];
	size_t len; /* 0 = none */
};

struct net_link {
	int index;
	unsigned flags; /* IFF_* */
	uint32_t mtu;
	char name[IF_NAMESIZE];
	struct net_mac mac;
	unsigned short type;     /* ARPHRD_* */
	char kind[NET_KIND_MAX]; /* "veth", "dummy"; "" = a device */
};

/* All links of the network; `items` holds struct net_link. */
struct net_links {
	struct buf items;
};

#define _autolinks_ _cleanup_(net_links_done)

/* What to change; all but index may stay zero. */
struct net_link_change {
	int index;
	const char *name;
	const struct net_mac *mac;
	uint32_t mtu;
	unsigned flags, mask; /* IFF_*: those in mask get their value from flags */
};

/* Reads all links; the list is to be freed with net_links_done in every case. */
int net_links_read(struct netlink *nl, struct net_links *ret, struct err *err);

/* Frees the list. */
void net_links_done(struct net_links *links);

/* The list as an array of *ret_n. */
const struct net_link *net_links_all(const struct net_links *links, size_t *ret_n);

/* The link of that name, hardware address or index, or NULL; it is the list's. */
const struct net_link *net_links_find(const struct net_links *links, const char *name);
const struct net_link *net_links_find_mac(const struct net_links *links, const struct net_mac *mac);
const struct net_link *net_links_find_index(const struct net_links *links, int index);

/* Changes a link in one request. The error has no context: the caller knows what it was for. */
int net_link_change(struct netlink *nl, const struct net_link_change *change, struct err *err);

/* The request behind net_link_change. */
struct nlmsghdr *net_link_build(struct netlink_request *request, const struct net_link_change *change);

/* Reads an RTM_NEWLINK message; false if it is something else. */
bool net_link_parse(const struct nlmsghdr *message, struct net_link *ret);

/* Parses "02:00:0a:…"; -EINVAL names it. */
int net_mac_parse(const char *text, struct net_mac *ret, struct err *err);

/* Formats it in capitals into buf[NET_MAC_TEXT_MAX]; "" for none. Returns buf. */
char *net_mac_format(const struct net_mac *mac, char *buf);
