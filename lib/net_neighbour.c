/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_neighbour.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>

int net_neighbour_resolve(const struct net_neighbour_config *config, const struct net_links *links,
                          struct net_neighbour *ret, struct err *err)
{
	const struct net_link *link = net_links_find(links, config->device);
	struct net_neighbour n = { .state = NUD_PERMANENT };
	int r;

	if (!link)
		return err_say(err, ENODEV, "Link not found (Name: %s)", config->device);
	if (config->state < 0 || config->state > UINT16_MAX)
		return err_say(err, EINVAL, "%d is no state of a neighbour", config->state);
	if (config->flags < 0 || config->flags > UINT8_MAX)
		return err_say(err, EINVAL, "%d are no flags of a neighbour", config->flags);
	r = net_ip_parse(config->address, &n.ip, err);
	if (r == 0 && config->lladdr[0])
		r = net_mac_parse(config->lladdr, &n.mac, err);
	if (r < 0)
		return r;
	n.index = link->index;
	n.flags = (uint8_t)config->flags;
	if (config->state)
		n.state = (uint16_t)config->state;
	*ret = n;
	return 0;
}

struct nlmsghdr *net_neighbour_build(struct netlink_request *request, const struct net_neighbour *neighbour)
{
	struct nlmsghdr *message =
		netlink_begin(request, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof(struct ndmsg));
	struct ndmsg *header = mnl_nlmsg_get_payload(message);

	header->ndm_family = (uint8_t)neighbour->ip.family;
	header->ndm_ifindex = neighbour->index;
	header->ndm_state = neighbour->state;
	header->ndm_flags = neighbour->flags;
	mnl_attr_put(message, NDA_DST, net_ip_size(neighbour->ip.family), neighbour->ip.bytes);
	if (neighbour->mac.len > 0)
		mnl_attr_put(message, NDA_LLADDR, neighbour->mac.len, neighbour->mac.bytes);
	return message;
}

int net_neighbours_add(struct netlink *nl, const struct net_neighbour_config *configs, size_t n, struct err *err)
{
	_autolinks_ struct net_links links = { 0 };
	int r = net_links_read(nl, &links, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct netlink_request request;
		struct net_neighbour neighbour;

		r = net_neighbour_resolve(&configs[i], &links, &neighbour, err);
		if (r == 0)
			r = netlink_call(nl, net_neighbour_build(&request, &neighbour), err);
		if (r < 0)
			err_wrap(err, "neighbour '%s' on '%s'", configs[i].address, configs[i].device);
	}
	return r;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

bool net_neighbour_parse(const struct nlmsghdr *message, struct net_neighbour *ret)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *a[NDA_MAX + 1];
	struct net_neighbour n = { 0 };

	if (message->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return false;
	if (header->ndm_family != AF_INET && header->ndm_family != AF_INET6)
		return false;
	netlink_attributes(message, sizeof(*header), a, NDA_MAX + 1);
	n.index = header->ndm_ifindex;
	n.state = header->ndm_state;
	n.flags = header->ndm_flags;
	if (!a[NDA_DST] || !net_ip_take(header->ndm_family, mnl_attr_get_payload(a[NDA_DST]),
	                                mnl_attr_get_payload_len(a[NDA_DST]), net_ip_bits(header->ndm_family), &n.ip))
		return false;
	if (a[NDA_LLADDR] && mnl_attr_get_payload_len(a[NDA_LLADDR]) <= NET_MAC_MAX) {
		n.mac.len = mnl_attr_get_payload_len(a[NDA_LLADDR]);
		memcpy(n.mac.bytes, mnl_attr_get_payload(a[NDA_LLADDR]), n.mac.len);
	}
	*ret = n;
	return true;
}

static int add_neighbour(const struct nlmsghdr *message, void *arg)
{
	struct net_neighbours *neighbours = arg;
	struct net_neighbour neighbour;

	return net_neighbour_parse(message, &neighbour) ? buf_add(&neighbours->items, &neighbour, sizeof(neighbour))
	                                                : 0;
}

static void forget_neighbours(void *arg)
{
	net_neighbours_done(arg);
}

int net_neighbours_read(struct netlink *nl, struct net_neighbours *ret, struct err *err)
{
	struct netlink_request request;
	struct nlmsghdr *message = netlink_begin(&request, RTM_GETNEIGH, 0, sizeof(struct ndmsg));
	int r = netlink_dump(nl, message, add_neighbour, forget_neighbours, ret, err);

	return r < 0 ? err_wrap(err, "list the neighbours") : 0;
}

void net_neighbours_done(struct net_neighbours *neighbours)
{
	buf_done(&neighbours->items);
}

const struct net_neighbour *net_neighbours_all(const struct net_neighbours *neighbours, size_t *ret_n)
{
	*ret_n = neighbours->items.len / sizeof(struct net_neighbour);
	return (const struct net_neighbour *)neighbours->items.data;
}
