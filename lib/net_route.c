/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_route.h"

#include <errno.h>
#include <string.h>

/* What a route's owner may set; the rest is the kernel's and refused by it, though a host that copies gets to see it.
 */
#define FLAGS_SETTABLE (RTNH_F_PERVASIVE | RTNH_F_ONLINK)

/* --- a request's route ------------------------------------------------------------------------------------------- */

static int parse_dest(const char *text, struct net_ip *ret, struct err *err)
{
	int r;

	if (text[0] == '\0' || strcmp(text, "default") == 0)
		return 0;
	r = net_ip_parse_prefix(text, ret, err);
	/* "0.0.0.0" is how ListRoutes calls the default route, and no host has that address. */
	if (r == 0 && net_ip_is_any(ret) && (ret->prefix == 0 || !strchr(text, '/')))
		ret->prefix = 0;
	return r;
}

static int parse_source(const char *text, struct net_route *route, struct err *err)
{
	if (text[0] == '\0')
		return 0;
	return strchr(text, '/') ? net_ip_parse_prefix(text, &route->source_network, err)
	                         : net_ip_parse(text, &route->source, err);
}

/* All addresses must be of one family, and the default route is of theirs. */
static int settle_family(struct net_route *route, bool v6, struct err *err)
{
	const struct net_ip *ips[] = { &route->dest, &route->gateway, &route->source, &route->source_network };

	for (size_t i = 0; i < ARRAY_SIZE(ips); i++) {
		if (ips[i]->family == AF_UNSPEC)
			continue;
		if (route->family != AF_UNSPEC && route->family != ips[i]->family)
			return err_say(err, EINVAL, "its addresses are of both families");
		route->family = ips[i]->family;
	}
	if (route->family == AF_UNSPEC)
		route->family = v6 ? AF_INET6 : AF_INET;
	return 0;
}

int net_route_resolve(const struct net_route_config *config, const struct net_links *links, struct net_route *ret,
                      struct err *err)
{
	struct net_route route = {
		.scope = config->scope,
		.flags = config->flags & FLAGS_SETTABLE,
		.mtu = config->mtu,
	};
	const struct net_link *link = config->device[0] ? net_links_find(links, config->device) : NULL;
	int r;

	if (config->device[0] && !link)
		return err_say(err, ENODEV, "Link not found (Name: %s)", config->device);
	if (config->scope > UINT8_MAX)
		return err_say(err, EINVAL, "%u is no scope", config->scope);
	route.index = link ? link->index : 0;
	r = parse_dest(config->dest, &route.dest, err);
	if (r == 0 && config->gateway[0])
		r = net_ip_parse(config->gateway, &route.gateway, err);
	if (r == 0)
		r = parse_source(config->source, &route, err);
	if (r == 0)
		r = settle_family(&route, config->v6, err);
	if (r < 0)
		return r;
	if (route.dest.prefix == 0)
		route.dest = (struct net_ip){ .family = AF_UNSPEC };
	*ret = route;
	return 0;
}

/* --- adding ------------------------------------------------------------------------------------------------------ */

static void put_ip(struct nlmsghdr *message, uint16_t type, const struct net_ip *ip)
{
	if (ip->family != AF_UNSPEC)
		mnl_attr_put(message, type, net_ip_size(ip->family), ip->bytes);
}

static void put_mtu(struct nlmsghdr *message, uint32_t mtu)
{
	struct nlattr *metrics;

	if (mtu == 0)
		return;
	metrics = mnl_attr_nest_start(message, RTA_METRICS);
	mnl_attr_put_u32(message, RTAX_MTU, mtu);
	mnl_attr_nest_end(message, metrics);
}

struct nlmsghdr *net_route_build(struct netlink_request *request, const struct net_route *route)
{
	struct nlmsghdr *message =
		netlink_begin(request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(struct rtmsg));
	struct rtmsg *header = mnl_nlmsg_get_payload(message);

	*header = (struct rtmsg){
		.rtm_family = (uint8_t)route->family,
		.rtm_dst_len = (uint8_t)route->dest.prefix,
		.rtm_src_len = (uint8_t)route->source_network.prefix,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = (uint8_t)route->scope,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = route->flags,
	};
	put_ip(message, RTA_DST, &route->dest);
	put_ip(message, RTA_SRC, &route->source_network);
	put_ip(message, RTA_PREFSRC, &route->source);
	put_ip(message, RTA_GATEWAY, &route->gateway);
	if (route->index > 0)
		mnl_attr_put_u32(message, RTA_OIF, (uint32_t)route->index);
	put_mtu(message, route->mtu);
	return message;
}

static int update_one(struct netlink *nl, const struct net_links *links, const struct net_route_config *config,
                      struct err *err)
{
	struct netlink_request request;
	struct net_route route;
	int r = net_route_resolve(config, links, &route, err);

	if (r == 0) {
		r = netlink_call(nl, net_route_build(&request, &route), err);
		/* An equal one is there. */
		r = r == -EEXIST ? 0 : r;
	}
	if (r < 0)
		return err_wrap(err, "route to '%s' by '%s' on '%s'", config->dest[0] ? config->dest : "default",
		                config->gateway, config->device);
	return 0;
}

int net_routes_update(struct netlink *nl, const struct net_route_config *configs, size_t n, struct err *err)
{
	_autolinks_ struct net_links links = { 0 };
	int r = net_links_read(nl, &links, err);

	/* A gateway must be reachable when its route comes. */
	for (int with_gateway = 0; with_gateway <= 1; with_gateway++)
		for (size_t i = 0; r == 0 && i < n; i++)
			if ((configs[i].gateway[0] != '\0') == with_gateway)
				r = update_one(nl, &links, &configs[i], err);
	return r;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static uint32_t get_u32(const struct nlattr *attr)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_U32) == 0 ? mnl_attr_get_u32(attr) : 0;
}

static uint32_t parse_mtu(const struct nlattr *metrics)
{
	const struct nlattr *attr;

	if (!metrics)
		return 0;
	mnl_attr_for_each_nested(attr, metrics)
	{
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			return get_u32(attr);
	}
	return 0;
}

static void take_ip(int family, const struct nlattr *attr, unsigned prefix, struct net_ip *ret)
{
	if (attr)
		(void)net_ip_take(family, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr), prefix, ret);
}

bool net_route_parse(const struct nlmsghdr *message, struct net_route *ret)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *a[RTA_MAX + 1];
	struct net_route route;

	if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return false;
	netlink_attributes(message, sizeof(*header), a, RTA_MAX + 1);
	if ((a[RTA_TABLE] ? get_u32(a[RTA_TABLE]) : header->rtm_table) != RT_TABLE_MAIN)
		return false;
	if (header->rtm_type != RTN_UNICAST || (header->rtm_flags & RTM_F_CLONED) ||
	    (header->rtm_family != AF_INET && header->rtm_family != AF_INET6))
		return false;
	route = (struct net_route){
		.family = header->rtm_family,
		.index = (int)get_u32(a[RTA_OIF]),
		.scope = header->rtm_scope,
		.flags = header->rtm_flags & FLAGS_SETTABLE,
		.mtu = parse_mtu(a[RTA_METRICS]),
		.protocol = header->rtm_protocol,
	};
	take_ip(route.family, a[RTA_DST], header->rtm_dst_len, &route.dest);
	take_ip(route.family, a[RTA_SRC], header->rtm_src_len, &route.source_network);
	take_ip(route.family, a[RTA_GATEWAY], net_ip_bits(route.family), &route.gateway);
	take_ip(route.family, a[RTA_PREFSRC], net_ip_bits(route.family), &route.source);
	*ret = route;
	return true;
}

/* A dump of one family: without IPv6 the kernel answers with what it has. */
struct reading {
	struct net_routes *routes;
	size_t before;
	int family;
};

static int add_route(const struct nlmsghdr *message, void *arg)
{
	struct reading *reading = arg;
	struct net_route route;

	if (!net_route_parse(message, &route) || route.family != reading->family)
		return 0;
	return buf_add(&reading->routes->items, &route, sizeof(route));
}

static void forget_routes(void *arg)
{
	struct reading *reading = arg;

	reading->routes->items.len = reading->before;
}

int net_routes_read(struct netlink *nl, struct net_routes *ret, struct err *err)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		struct reading reading = { ret, ret->items.len, families[i] };
		struct netlink_request request;
		struct nlmsghdr *message = netlink_begin(&request, RTM_GETROUTE, 0, sizeof(struct rtmsg));
		struct rtmsg *header = mnl_nlmsg_get_payload(message);

		header->rtm_family = (uint8_t)families[i];
		r = netlink_dump(nl, message, add_route, forget_routes, &reading, err);
	}
	return r < 0 ? err_wrap(err, "list the routes") : 0;
}

void net_routes_done(struct net_routes *routes)
{
	buf_done(&routes->items);
}

const struct net_route *net_routes_all(const struct net_routes *routes, size_t *ret_n)
{
	*ret_n = routes->items.len / sizeof(struct net_route);
	return (const struct net_route *)routes->items.data;
}
