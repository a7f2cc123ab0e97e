/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network calls. They need a network device in the guest besides the loopback; it is left with the addresses
 * 192.0.2.2/24 and 2001:db8::2/64, which are nobody's.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

static const Types__Interface *find_device(const struct conform *c, const char *name)
{
	const Grpc__Interfaces *list = (const Grpc__Interfaces *)c->reply.message;

	for (size_t i = 0; i < list->n_interfaces; i++) {
		const Types__Interface *one = list->interfaces[i];

		if (name ? strcmp(one->name, name) == 0 : strcmp(one->name, "lo") != 0 && strlen(one->hwaddr) == 17)
			return one;
	}
	return NULL;
}

/* Name and address of the device, in the case's arena. */
static bool device(struct conform *c, const char **ret_name, const char **ret_mac)
{
	const Types__Interface *found;

	if (!conform_call(c, "ListInterfaces", IS_OK, "{}"))
		return false;
	found = find_device(c, NULL);
	if (!found)
		return conform_skip(c, "the guest has no network device");
	*ret_name = arena_strdup(&c->arena, found->name);
	*ret_mac = arena_strdup(&c->arena, found->hwaddr);
	return conform_check(c, *ret_name && *ret_mac, "out of memory");
}

static bool update(struct conform *c, const char *name, const char *mac, unsigned mtu, unsigned codes)
{
	return conform_call(
		c, "UpdateInterface", codes,
		"{\"interface\":{\"device\":\"%s\",\"name\":\"%s\",\"mtu\":%u,\"hwAddr\":\"%s\",\"IPAddresses\":["
		"{\"address\":\"192.0.2.2\",\"mask\":\"24\"},{\"family\":\"v6\",\"address\":\"2001:db8::2\","
		"\"mask\":\"64\"}]}}",
		name, name, mtu, mac);
}

static bool has_address(const Types__Interface *i, const char *address, const char *mask)
{
	for (size_t n = 0; n < i->n_ipaddresses; n++) {
		if (strcmp(i->ipaddresses[n]->address, address) == 0 && strcmp(i->ipaddresses[n]->mask, mask) == 0)
			return true;
	}
	return false;
}

static bool update_interface(struct conform *c)
{
	const char *name = "", *mac = "";
	const Types__Interface *i;

	if (!device(c, &name, &mac) || !update(c, name, mac, 1400, IS_OK))
		return false;
	i = (const Types__Interface *)c->reply.message;
	if (!conform_check(c, strcmp(i->name, name) == 0 && i->mtu == 1400,
	                   "the answer is not the request's interface") ||
	    !conform_call(c, "ListInterfaces", IS_OK, "{}"))
		return false;
	i = find_device(c, name);
	return conform_check(c, i && i->mtu == 1400 && strcmp(i->hwaddr, mac) == 0,
	                     "ListInterfaces: wrong MTU or address") &&
	       conform_check(c, has_address(i, "192.0.2.2", "24"), "ListInterfaces: no 192.0.2.2/24");
}

/* The same again is no error: the shim's rescan does so. */
static bool update_again(struct conform *c)
{
	const char *name = "", *mac = "";

	return device(c, &name, &mac) && update(c, name, mac, 1500, IS_OK) && update(c, name, mac, 1500, IS_OK);
}

/* The words that the Go shim tries again for. */
static bool update_unknown(struct conform *c)
{
	return conform_call(c, "UpdateInterface", IS_INTERNAL,
	                    "{\"interface\":{\"device\":\"none9\",\"name\":\"none9\",\"mtu\":1500,\"hwAddr\":\"02:99:"
	                    "88:77:66:55\"}}") &&
	       conform_says(c, "update interface");
}

static bool link_not_found(struct conform *c)
{
	return update_unknown(c) && conform_says(c, "Link not found");
}

static bool update_bad_address(struct conform *c)
{
	const char *name = "", *mac = "";

	return device(c, &name, &mac) && conform_call(c, "UpdateInterface", IS_INTERNAL,
	                                              "{\"interface\":{\"device\":\"%s\",\"name\":\"%s\",\"mtu\":1500,"
	                                              "\"hwAddr\":\"%s\",\"IPAddresses\":["
	                                              "{\"address\":\"300.1.2.3\",\"mask\":\"24\"}]}}",
	                                              name, name, mac);
}

static bool list_loopback(struct conform *c)
{
	const Types__Interface *lo = find_device(c, "lo");

	return conform_check(c, lo != NULL, "no 'lo'") &&
	       conform_check(c, has_address(lo, "127.0.0.1", "8"), "'lo' has not 127.0.0.1/8");
}

/* --- routes and neighbours --------------------------------------------------------------------------------------- */

static bool routes(struct conform *c)
{
	const char *name = "", *mac = "";
	const Grpc__Routes *list;
	unsigned found = 0;

	if (!device(c, &name, &mac) || !update(c, name, mac, 1500, IS_OK) ||
	    !conform_call(c, "UpdateRoutes", IS_OK,
	                  "{\"routes\":{\"Routes\":[{\"dest\":\"198.51.100.0/"
	                  "24\",\"gateway\":\"192.0.2.1\",\"device\":\"%s\"},"
	                  "{\"dest\":\"203.0.113.0/24\",\"device\":\"%s\",\"scope\":253}]}}",
	                  name, name))
		return false;
	/* The answer is the list that ListRoutes gives. */
	for (int i = 0; i < 2; i++) {
		list = (const Grpc__Routes *)c->reply.message;
		for (size_t r = 0; r < list->n_routes; r++)
			found += (strcmp(list->routes[r]->dest, "198.51.100.0/24") == 0 &&
			          strcmp(list->routes[r]->gateway, "192.0.2.1") == 0) ||
			         strcmp(list->routes[r]->dest, "203.0.113.0/24") == 0;
		if (i == 0 && !conform_call(c, "ListRoutes", IS_OK, "{}"))
			return false;
	}
	return conform_check(c, found == 4, "%u of 4 routes are there", found);
}

static bool routes_again(struct conform *c)
{
	const char *name = "", *mac = "";

	if (!device(c, &name, &mac) || !update(c, name, mac, 1500, IS_OK))
		return false;
	for (int i = 0; i < 2; i++) {
		if (!conform_call(c, "UpdateRoutes", IS_OK,
		                  "{\"routes\":{\"Routes\":[{\"dest\":\"198.51.100.0/"
		                  "24\",\"gateway\":\"192.0.2.1\",\"device\":\"%s\"}]}}",
		                  name))
			return false;
	}
	return true;
}

static bool neighbours(struct conform *c)
{
	const char *name = "", *mac = "";

	return device(c, &name, &mac) && update(c, name, mac, 1500, IS_OK) &&
	       conform_call(
		       c, "AddARPNeighbors", IS_OK,
		       "{\"neighbors\":{\"ARPNeighbors\":[{\"toIPAddress\":{\"address\":\"192.0.2.9\",\"mask\":\"24\"},"
		       "\"device\":\"%s\",\"lladdr\":\"02:00:00:00:00:09\",\"state\":128}]}}",
		       name) &&
	       conform_exec(c, "arp", "grep -c '192.0.2.9.*02:00:00:00:00:09' /proc/net/arp", NULL, IS_OK) &&
	       conform_prints(c, "arp", "1\n") && conform_exits(c, "arp", 0);
}

/* --- rules ------------------------------------------------------------------------------------------------------- */

/* An image may have no iptables; then it says so. */
static bool rules_or_reason(struct conform *c)
{
	return c->reply.code == RPC_OK ||
	       conform_check(c,
	                     strcasestr(c->reply.text, "iptables") || strcasestr(c->reply.text, "ip6tables") ||
	                             strcasestr(c->reply.text, "no such file"),
	                     "it does not say what is missing: %.200s", c->reply.text);
}

static const struct conform_case network[] = {
	{ .name = "ListInterfaces/loopback", WORKS, .json = "{}", .codes = IS_OK, .run = list_loopback },
	CASE(WORKS, "UpdateInterface/life", CONFORM_NOTHING, update_interface),
	CASE(WORKS, "UpdateInterface/again", CONFORM_NOTHING, update_again),
	CALL(REFUSED, "UpdateInterface/no-interface", CONFORM_NOTHING, "{}", IS_INVALID,
	     "empty update interface request"),
	CASE(REFUSED, "UpdateInterface/unknown", CONFORM_NOTHING, update_unknown),
	CASE(REFUSED_STRICT, "UpdateInterface/link-not-found", CONFORM_NOTHING, link_not_found),
	CASE(REFUSED, "UpdateInterface/bad-address", CONFORM_NOTHING, update_bad_address),
	CALL(WORKS, "ListRoutes/life", CONFORM_NOTHING, "{}", IS_OK, NULL),
	CASE(WORKS, "UpdateRoutes/life", CONFORM_NOTHING, routes),
	CASE(WORKS, "UpdateRoutes/again", CONFORM_NOTHING, routes_again),
	CALL(WORKS, "UpdateRoutes/none", CONFORM_NOTHING, "{\"routes\":{}}", IS_OK, NULL),
	CALL(REFUSED, "UpdateRoutes/no-routes", CONFORM_NOTHING, "{}", IS_INVALID, "empty update routes request"),
	CALL(REFUSED, "UpdateRoutes/no-device", CONFORM_NOTHING,
	     "{\"routes\":{\"Routes\":[{\"dest\":\"198.51.100.0/24\",\"device\":\"none9\"}]}}", IS_INTERNAL,
	     "failed to update routes"),
	CASE(WORKS, "AddARPNeighbors/life", CONFORM_STANDING, neighbours),
	CALL(WORKS, "AddARPNeighbors/none", CONFORM_NOTHING, "{\"neighbors\":{}}", IS_OK, NULL),
	CALL(REFUSED, "AddARPNeighbors/no-neighbours", CONFORM_NOTHING, "{}", IS_INVALID,
	     "empty add arp neighbours request"),
	CALL(REFUSED, "AddARPNeighbors/no-device", CONFORM_NOTHING,
	     "{\"neighbors\":{\"ARPNeighbors\":[{\"toIPAddress\":{\"address\":\"192.0.2.9\"},\"device\":\"none9\","
	     "\"lladdr\":\"02:00:00:00:00:09\"}]}}",
	     IS_INTERNAL, "failed to add arp neighbours"),
	{ .name = "GetIPTables/v4-or-reason",
	  WORKS,
	  .json = "{}",
	  .codes = IS_OK | IS_INTERNAL,
	  .run = rules_or_reason },
	{ .name = "GetIPTables/v6-or-reason",
	  WORKS,
	  .json = "{\"is_ipv6\":true}",
	  .codes = IS_OK | IS_INTERNAL,
	  .run = rules_or_reason },
	/* "*filter COMMIT", which changes nothing */
	{ .name = "SetIPTables/nothing-or-reason",
	  WORKS,
	  .json = "{\"data\":\"KmZpbHRlcgpDT01NSVQK\"}",
	  .codes = IS_OK | IS_INTERNAL,
	  .run = rules_or_reason },
	CALL(REFUSED, "SetIPTables/no-rules", CONFORM_NOTHING, "{\"data\":\"cnVsZXM/Cg==\"}", IS_INTERNAL, NULL),
};

SUITE(conform_suite_network, network);
