/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_address.h"

#include <linux/if_addr.h>
#include <string.h>

bool net_address_parse(const struct nlmsghdr *message, struct net_address *ret)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *a[IFA_MAX + 1], *address;

	if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return false;
	netlink_attributes(message, sizeof(*header), a, IFA_MAX + 1);
	/* On a point-to-point link IFA_ADDRESS is the peer's. */
	address = a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS];
	if (!address)
		return false;
	ret->index = (int)header->ifa_index;
	return net_ip_take(header->ifa_family, mnl_attr_get_payload(address), mnl_attr_get_payload_len(address),
	                   header->ifa_prefixlen, &ret->ip);
}

static int add_address(const struct nlmsghdr *message, void *arg)
{
	struct net_addresses *addresses = arg;
	struct net_address address;

	return net_address_parse(message, &address) ? buf_add(&addresses->items, &address, sizeof(address)) : 0;
}

static void forget_addresses(void *arg)
{
	net_addresses_done(arg);
}

int net_addresses_read(struct netlink *nl, struct net_addresses *ret, struct err *err)
{
	struct netlink_request request;
	struct nlmsghdr *message = netlink_begin(&request, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));
	int r = netlink_dump(nl, message, add_address, forget_addresses, ret, err);

	return r < 0 ? err_wrap(err, "list the addresses") : 0;
}

void net_addresses_done(struct net_addresses *addresses)
{
	buf_done(&addresses->items);
}

const struct net_address *net_addresses_all(const struct net_addresses *addresses, size_t *ret_n)
{
	*ret_n = addresses->items.len / sizeof(struct net_address);
	return (const struct net_address *)addresses->items.data;
}

/* An IPv4 address of a network of more than two has a broadcast address: the host bits all set. */
static void put_broadcast(struct nlmsghdr *message, const struct net_ip *ip)
{
	uint32_t address, host;

	if (ip->family != AF_INET || ip->prefix > 30)
		return;
	memcpy(&address, ip->bytes, sizeof(address));
	host = ip->prefix == 0 ? UINT32_MAX : (1u << (32 - ip->prefix)) - 1;
	mnl_attr_put_u32(message, IFA_BROADCAST, address | htonl(host));
}

struct nlmsghdr *net_address_build(struct netlink_request *request, const struct net_address *address)
{
	const struct net_ip *ip = &address->ip;
	struct nlmsghdr *message =
		netlink_begin(request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(struct ifaddrmsg));
	struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);

	header->ifa_family = (uint8_t)ip->family;
	header->ifa_prefixlen = (uint8_t)ip->prefix;
	header->ifa_index = (uint32_t)address->index;
	/* The host has looked for duplicates before it gave us the address; while the kernel looks again, for some
	 * seconds, a container could not bind to it. */
	if (ip->family == AF_INET6)
		header->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(message, IFA_LOCAL, net_ip_size(ip->family), ip->bytes);
	mnl_attr_put(message, IFA_ADDRESS, net_ip_size(ip->family), ip->bytes);
	put_broadcast(message, ip);
	return message;
}

int net_address_add(struct netlink *nl, const struct net_address *address, struct err *err)
{
	struct netlink_request request;
	char text[NET_IP_TEXT_MAX];
	int r = netlink_call(nl, net_address_build(&request, address), err);

	return r < 0 ? err_wrap(err, "add address '%s'", net_ip_format(&address->ip, true, text)) : 0;
}
