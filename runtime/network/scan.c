/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/scan.h"

int netscan_read(struct netlink *nl, struct netscan *ret, struct err *err)
{
	int r = net_links_read(nl, &ret->links, err);

	if (r == 0)
		r = net_addresses_read(nl, &ret->addresses, err);
	if (r == 0)
		r = net_routes_read(nl, &ret->routes, err);
	return r < 0 ? r : net_neighbours_read(nl, &ret->neighbours, err);
}

void netscan_done(struct netscan *scan)
{
	net_links_done(&scan->links);
	net_addresses_done(&scan->addresses);
	net_routes_done(&scan->routes);
	net_neighbours_done(&scan->neighbours);
}
