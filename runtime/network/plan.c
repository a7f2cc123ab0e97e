/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/plan.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

/* --- nics -------------------------------------------------------------------------------------------------------- */

static size_t count_addresses(const struct netscan *scan, int index)
{
	const struct net_address *v;
	size_t n, found = 0;

	v = net_addresses_all(&scan->addresses, &n);
	for (size_t i = 0; i < n; i++)
		found += v[i].index == index;
	return found;
}

static int add_nic(struct arena *arena, const struct netscan *scan, const struct net_link *link, struct netplan *plan)
{
	struct netplan_nic *nic = &plan->nics[plan->n_nics];
	const struct net_address *v;
	size_t n;

	*nic = (struct netplan_nic){ .index = link->index, .mtu = link->mtu, .flags = link->flags };
	nic->name = arena_strdup(arena, link->name);
	nic->addresses = arena_array(arena, count_addresses(scan, link->index), sizeof(*nic->addresses));
	if (!nic->name || !nic->addresses)
		return -ENOMEM;
	(void)net_mac_format(&link->mac, nic->mac);
	(void)snprintf(nic->tap, sizeof(nic->tap), "tap%zu_kata", plan->n_nics);
	v = net_addresses_all(&scan->addresses, &n);
	for (size_t i = 0; i < n; i++)
		if (v[i].index == link->index)
			nic->addresses[nic->n_addresses++] = v[i].ip;
	plan->n_nics++;
	return 0;
}

static int add_nics(struct arena *arena, const struct netscan *scan, struct netplan *plan, struct err *err)
{
	const struct net_link *v;
	size_t n;
	int r = 0;

	v = net_links_all(&scan->links, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if ((v[i].flags & IFF_LOOPBACK) || count_addresses(scan, v[i].index) == 0)
			continue;
		if (v[i].type != ARPHRD_ETHER) {
			plan->left_out =
				arena_printf(arena, "%s%s%s", plan->left_out, *plan->left_out ? ", " : "", v[i].name);
			r = plan->left_out ? 0 : -ENOMEM;
			continue;
		}
		if (plan->n_nics == VM_NICS_MAX)
			return err_say(err, E2BIG, "plan the network: more than %d links", VM_NICS_MAX);
		r = add_nic(arena, scan, &v[i], plan);
	}
	return r < 0 ? err_set(err, -r, "plan the network") : 0;
}

static const char *device_of(const struct netplan *plan, int index)
{
	for (size_t i = 0; i < plan->n_nics; i++)
		if (plan->nics[i].index == index)
			return plan->nics[i].name;
	return NULL;
}

/* --- routes and neighbours --------------------------------------------------------------------------------------- */

/* The guest's kernel makes those of its addresses by itself, as this one has. */
static int add_routes(struct arena *arena, const struct netscan *scan, struct netplan *plan)
{
	const struct net_route *v;
	size_t n;

	v = net_routes_all(&scan->routes, &n);
	plan->routes = arena_array(arena, n + 1, sizeof(*plan->routes));
	if (!plan->routes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *device = device_of(plan, v[i].index);

		if (device && v[i].protocol != RTPROT_KERNEL)
			plan->routes[plan->n_routes++] = (struct netplan_route){ device, v[i] };
	}
	return 0;
}

static int add_neighbours(struct arena *arena, const struct netscan *scan, struct netplan *plan)
{
	const struct net_neighbour *v;
	size_t n;

	v = net_neighbours_all(&scan->neighbours, &n);
	plan->neighbours = arena_array(arena, n + 1, sizeof(*plan->neighbours));
	if (!plan->neighbours)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *device = device_of(plan, v[i].index);

		if (device && (v[i].state & NUD_PERMANENT))
			plan->neighbours[plan->n_neighbours++] = (struct netplan_neighbour){ device, v[i] };
	}
	return 0;
}

int netplan_of(struct arena *arena, const struct netscan *scan, struct netplan *ret, struct err *err)
{
	struct netplan plan = { .left_out = "" };
	int r = add_nics(arena, scan, &plan, err);

	if (r < 0)
		return r;
	r = add_routes(arena, scan, &plan);
	if (r == 0)
		r = add_neighbours(arena, scan, &plan);
	if (r < 0)
		return err_set(err, -r, "plan the network");
	*ret = plan;
	return 0;
}

/* --- user-mode network ------------------------------------------------------------------------------------------- */

/* Of a locally administered range; the same id has the same again. */
static void make_mac(const char *text, char mac[NET_MAC_TEXT_MAX])
{
	uint32_t hash = 2166136261u;

	for (const char *p = text; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	(void)snprintf(mac, NET_MAC_TEXT_MAX, "02:4B:%02X:%02X:%02X:%02X", hash >> 24, hash >> 16 & 0xff,
	               hash >> 8 & 0xff, hash & 0xff);
}

int netplan_user(struct arena *arena, const char *sandbox, struct netplan *ret, struct err *err)
{
	struct netplan plan = { .n_nics = 1, .n_routes = 1, .left_out = "" };
	struct netplan_nic *nic = &plan.nics[0];

	nic->name = arena_strdup(arena, "eth0");
	nic->mtu = 1500;
	make_mac(sandbox, nic->mac);
	nic->addresses = arena_array(arena, 1, sizeof(*nic->addresses));
	plan.routes = arena_array(arena, 1, sizeof(*plan.routes));
	if (!nic->name || !nic->addresses || !plan.routes)
		return err_set(err, ENOMEM, "plan the user-mode network");
	(void)net_ip_parse_prefix("10.0.2.15/24", &nic->addresses[0], NULL);
	nic->n_addresses = 1;
	plan.routes[0].device = nic->name;
	plan.routes[0].route.family = AF_INET;
	(void)net_ip_parse("10.0.2.2", &plan.routes[0].route.gateway, NULL);
	*ret = plan;
	return 0;
}

/* --- text -------------------------------------------------------------------------------------------------------- */

int netplan_print(const struct netplan *plan, struct buf *out)
{
	char a[NET_IP_TEXT_MAX], b[NET_IP_TEXT_MAX], mac[NET_MAC_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < plan->n_nics; i++) {
		const struct netplan_nic *nic = &plan->nics[i];

		r = buf_printf(out, "nic %s index=%d mac=%s mtu=%u tap=%s\n", nic->name, nic->index, nic->mac, nic->mtu,
		               nic->tap);
		for (size_t k = 0; r == 0 && k < nic->n_addresses; k++)
			r = buf_printf(out, "address %s on %s\n", net_ip_format(&nic->addresses[k], true, a),
			               nic->name);
	}
	for (size_t i = 0; r == 0 && i < plan->n_routes; i++)
		r = buf_printf(out, "route to '%s' by '%s' on %s\n",
		               net_ip_format(&plan->routes[i].route.dest, true, a),
		               net_ip_format(&plan->routes[i].route.gateway, false, b), plan->routes[i].device);
	for (size_t i = 0; r == 0 && i < plan->n_neighbours; i++)
		r = buf_printf(out, "neighbour %s is %s on %s\n",
		               net_ip_format(&plan->neighbours[i].neighbour.ip, false, a),
		               net_mac_format(&plan->neighbours[i].neighbour.mac, mac), plan->neighbours[i].device);
	if (r == 0 && *plan->left_out)
		r = buf_printf(out, "left out %s\n", plan->left_out);
	return r;
}
