/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- hardware addresses ------------------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;
	int v = at ? (int)(at - digits) : -1;

	return v > 15 ? v - 6 : v;
}

int net_mac_parse(const char *text, struct net_mac *ret, struct err *err)
{
	struct net_mac mac = { 0 };

	for (const char *p = text; mac.len < NET_MAC_MAX; p += 3) {
		int high = hex_digit(p[0]), low = high < 0 ? -1 : hex_digit(p[1]);

		if (low < 0)
			break;
		mac.bytes[mac.len++] = (uint8_t)(high << 4 | low);
		if (p[2] == '\0') {
			*ret = mac;
			return 0;
		}
		if (p[2] != ':')
			break;
	}
	return err_say(err, EINVAL, "'%s' is no hardware address", text);
}

char *net_mac_format(const struct net_mac *mac, char *buf)
{
	buf[0] = '\0';
	for (size_t i = 0; i < mac->len; i++)
		(void)snprintf(buf + 3 * i, 4, i + 1 < mac->len ? "%02X:" : "%02X", mac->bytes[i]);
	return buf;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static void parse_kind(const struct nlattr *info, struct net_link *link)
{
	const struct nlattr *attr;

	if (!info)
		return;
	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			(void)snprintf(link->kind, sizeof(link->kind), "%s", mnl_attr_get_str(attr));
	}
}

bool net_link_parse(const struct nlmsghdr *message, struct net_link *ret)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *a[IFLA_MAX + 1];
	struct net_link link;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return false;
	link = (struct net_link){ .index = header->ifi_index, .flags = header->ifi_flags, .type = header->ifi_type };
	netlink_attributes(message, sizeof(*header), a, IFLA_MAX + 1);
	if (!a[IFLA_IFNAME] || mnl_attr_validate(a[IFLA_IFNAME], MNL_TYPE_NUL_STRING) < 0)
		return false;
	(void)snprintf(link.name, sizeof(link.name), "%s", mnl_attr_get_str(a[IFLA_IFNAME]));
	if (a[IFLA_MTU] && mnl_attr_validate(a[IFLA_MTU], MNL_TYPE_U32) == 0)
		link.mtu = mnl_attr_get_u32(a[IFLA_MTU]);
	if (a[IFLA_ADDRESS] && mnl_attr_get_payload_len(a[IFLA_ADDRESS]) <= NET_MAC_MAX) {
		link.mac.len = mnl_attr_get_payload_len(a[IFLA_ADDRESS]);
		memcpy(link.mac.bytes, mnl_attr_get_payload(a[IFLA_ADDRESS]), link.mac.len);
	}
	parse_kind(a[IFLA_LINKINFO], &link);
	*ret = link;
	return true;
}

static int add_link(const struct nlmsghdr *message, void *arg)
{
	struct net_links *links = arg;
	struct net_link link;

	return net_link_parse(message, &link) ? buf_add(&links->items, &link, sizeof(link)) : 0;
}

static void forget_links(void *arg)
{
	net_links_done(arg);
}

int net_links_read(struct netlink *nl, struct net_links *ret, struct err *err)
{
	struct netlink_request request;
	struct nlmsghdr *message = netlink_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	int r = netlink_dump(nl, message, add_link, forget_links, ret, err);

	return r < 0 ? err_wrap(err, "list the links") : 0;
}

void net_links_done(struct net_links *links)
{
	buf_done(&links->items);
}

const struct net_link *net_links_all(const struct net_links *links, size_t *ret_n)
{
	*ret_n = links->items.len / sizeof(struct net_link);
	return (const struct net_link *)links->items.data;
}

const struct net_link *net_links_find(const struct net_links *links, const char *name)
{
	size_t n;
	const struct net_link *v = net_links_all(links, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

const struct net_link *net_links_find_mac(const struct net_links *links, const struct net_mac *mac)
{
	size_t n;
	const struct net_link *v = net_links_all(links, &n);

	for (size_t i = 0; i < n; i++)
		if (mac->len > 0 && v[i].mac.len == mac->len && memcmp(v[i].mac.bytes, mac->bytes, mac->len) == 0)
			return &v[i];
	return NULL;
}

const struct net_link *net_links_find_index(const struct net_links *links, int index)
{
	size_t n;
	const struct net_link *v = net_links_all(links, &n);

	for (size_t i = 0; i < n; i++)
		if (v[i].index == index)
			return &v[i];
	return NULL;
}

/* --- changing ---------------------------------------------------------------------------------------------------- */

struct nlmsghdr *net_link_build(struct netlink_request *request, const struct net_link_change *change)
{
	struct nlmsghdr *message = netlink_begin(request, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	struct ifinfomsg *header = mnl_nlmsg_get_payload(message);

	header->ifi_index = change->index;
	header->ifi_flags = change->flags & change->mask;
	header->ifi_change = change->mask;
	if (change->name)
		mnl_attr_put_strz(message, IFLA_IFNAME, change->name);
	if (change->mac)
		mnl_attr_put(message, IFLA_ADDRESS, change->mac->len, change->mac->bytes);
	if (change->mtu > 0)
		mnl_attr_put_u32(message, IFLA_MTU, change->mtu);
	return message;
}

int net_link_change(struct netlink *nl, const struct net_link_change *change, struct err *err)
{
	struct netlink_request request;

	return netlink_call(nl, net_link_build(&request, change), err);
}
