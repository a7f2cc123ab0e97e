/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/interface.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"

#define SWITCH_MAX 16 /* bytes of a sysctl that is 0 or 1 */

/* The request, understood. */
struct wanted {
	const struct net_interface_config *config;
	struct net_mac mac;
	struct buf addresses; /* struct net_address, without index */
};

static bool is_disabled(int procfs, const char *path)
{
	_autofree_ char *text = NULL;
	size_t len;

	return fd_read_file_at(procfs, path, SWITCH_MAX, &text, &len) < 0 || strncmp(text, "0", 1) != 0;
}

bool net_has_ipv6(int procfs)
{
	return !is_disabled(procfs, "sys/net/ipv6/conf/all/disable_ipv6") ||
	       !is_disabled(procfs, "sys/net/ipv6/conf/default/disable_ipv6");
}

/* --- the request ------------------------------------------------------------------------------------------------- */

static int parse_address(struct wanted *w, const struct net_address_config *config, bool ipv6, struct err *err)
{
	struct net_address address = { 0 };
	int r = net_ip_parse(config->address, &address.ip, err);

	if (r == 0)
		r = net_ip_parse_length(config->mask, &address.ip, err);
	if (r < 0)
		return err_wrap(err, "address '%s/%s'", config->address, config->mask);
	if (address.ip.family == AF_INET6 && !ipv6)
		return 0;
	r = buf_add(&w->addresses, &address, sizeof(address));
	return r < 0 ? err_set(err, r, "address '%s/%s'", config->address, config->mask) : 0;
}

static int parse(struct wanted *w, bool ipv6, struct err *err)
{
	const struct net_interface_config *c = w->config;
	int r = 0;

	if (strlen(c->name) >= IF_NAMESIZE)
		return err_say(err, EINVAL, "'%s' is too long for a name", c->name);
	if (c->mtu > UINT32_MAX)
		return err_say(err, EINVAL, "%llu is no MTU", (unsigned long long)c->mtu);
	if (c->hw_addr[0])
		r = net_mac_parse(c->hw_addr, &w->mac, err);
	for (size_t i = 0; r == 0 && i < c->n_addresses; i++)
		r = parse_address(w, &c->addresses[i], ipv6, err);
	return r;
}

/* --- finding the link -------------------------------------------------------------------------------------------- */

static int set_up(struct netlink *nl, const struct net_link *link, bool up, struct err *err)
{
	const struct net_link_change change = { .index = link->index, .mask = IFF_UP, .flags = up ? IFF_UP : 0 };
	int r = net_link_change(nl, &change, err);

	return r < 0 ? err_wrap(err, "set '%s' %s", link->name, up ? "up" : "down") : 0;
}

/* Not every driver changes the address of a link that is up. */
static int set_mac(struct netlink *nl, const struct net_link *link, const struct net_mac *mac, struct err *err)
{
	const struct net_link_change change = { .index = link->index, .mac = mac };
	bool was_up = link->flags & IFF_UP;
	int r = was_up ? set_up(nl, link, false, err) : 0, up;

	if (r < 0)
		return r;
	r = net_link_change(nl, &change, err);
	if (r < 0)
		err_wrap(err, "set the address of '%s'", link->name);
	up = was_up ? set_up(nl, link, true, r < 0 ? NULL : err) : 0;
	return r < 0 ? r : up;
}

int net_interface_set_mac(struct netlink *nl, const char *name, const char *hw_addr, struct err *err)
{
	_autolinks_ struct net_links links = { 0 };
	const struct net_link *link;
	struct net_mac mac;
	int r = net_mac_parse(hw_addr, &mac, err);

	if (r == 0)
		r = net_links_read(nl, &links, err);
	if (r < 0)
		return r;
	link = net_links_find(&links, name);
	if (!link)
		return err_say(err, ENODEV, "Link not found (Name: %s)", name);
	if (link->mac.len == mac.len && memcmp(link->mac.bytes, mac.bytes, mac.len) == 0)
		return 0;
	return set_mac(nl, link, &mac, err);
}

static int find_link(struct netlink *nl, const struct wanted *w, struct net_links *links, const struct net_link **ret,
                     struct err *err)
{
	const struct net_link *by_name = net_links_find(links, w->config->name);
	int r;

	if (w->mac.len == 0 && !by_name)
		return err_say(err, ENODEV, "Link not found (Name: %s)", w->config->name);
	*ret = w->mac.len == 0 ? by_name : net_links_find_mac(links, &w->mac);
	if (*ret)
		return 0;
	if (by_name) {
		r = set_mac(nl, by_name, &w->mac, err);
		if (r == 0)
			r = net_links_read(nl, links, err);
		if (r < 0)
			return r;
		*ret = net_links_find_mac(links, &w->mac);
	}
	return *ret ? 0 : err_say(err, ENODEV, "Link not found (Address: %s)", w->config->hw_addr);
}

/* --- names ------------------------------------------------------------------------------------------------------- */

/* Before 6.2 the kernel renames only what is down. */
static int rename_link(struct netlink *nl, const struct net_link *link, const char *name, struct err *err)
{
	const struct net_link_change change = { .index = link->index, .name = name };
	int r = net_link_change(nl, &change, err), up;

	if (r == -EBUSY && (link->flags & IFF_UP)) {
		r = set_up(nl, link, false, err);
		if (r == 0)
			r = net_link_change(nl, &change, err);
		up = set_up(nl, link, true, r < 0 ? NULL : err);
		r = r < 0 ? r : up;
	}
	return r < 0 ? err_wrap(err, "rename '%s' to '%s'", link->name, name) : 0;
}

static int change_link(struct netlink *nl, const struct wanted *w, const struct net_link *link, struct err *err)
{
	const struct net_interface_config *c = w->config;
	const struct net_link_change change = {
		.index = link->index,
		.name = c->name[0] ? c->name : NULL,
		.mtu = (uint32_t)c->mtu,
		.mask = IFF_NOARP,
		.flags = c->raw_flags,
	};
	int r = net_link_change(nl, &change, err);

	return r < 0 ? err_wrap(err, "change '%s' (name '%s', MTU %llu)", link->name, c->name,
	                        (unsigned long long)c->mtu)
	             : 0;
}

/* Gives link its name and what goes with it; `other` has that name and gets the link's. */
static int change_and_swap(struct netlink *nl, const struct wanted *w, const struct net_link *link,
                           const struct net_link *other, struct err *err)
{
	char spare[IF_NAMESIZE];
	int r;

	(void)snprintf(spare, sizeof(spare), "%.10s_temp", other->name);
	r = rename_link(nl, other, spare, err);
	if (r < 0)
		return r;
	r = change_link(nl, w, link, err);
	if (r < 0) {
		(void)rename_link(nl, other, other->name, NULL);
		return r;
	}
	return rename_link(nl, other, link->name, err);
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int configure(struct netlink *nl, const struct wanted *w, const struct net_link *link,
                     const struct net_link *other, struct err *err)
{
	struct net_address *addresses = (struct net_address *)w->addresses.data;
	size_t n = w->addresses.len / sizeof(*addresses);
	int r = other ? change_and_swap(nl, w, link, other, err) : change_link(nl, w, link, err);

	/* After the MTU: one that is too small for IPv6 would have taken its addresses away. */
	for (size_t i = 0; r == 0 && i < n; i++) {
		addresses[i].index = link->index;
		r = net_address_add(nl, &addresses[i], err);
	}
	return r == 0 ? set_up(nl, link, true, err) : r;
}

static int update(struct netlink *nl, const struct wanted *w, struct err *err)
{
	_autolinks_ struct net_links links = { 0 };
	const struct net_link *link = NULL, *other;
	int r = net_links_read(nl, &links, err);

	if (r == 0)
		r = find_link(nl, w, &links, &link, err);
	if (r == 0 && (link->flags & IFF_UP))
		r = set_up(nl, link, false, err);
	if (r != 0)
		return r;
	other = w->config->name[0] ? net_links_find(&links, w->config->name) : NULL;
	r = configure(nl, w, link, other == link ? NULL : other, err);
	/* A failed request does not take away what worked before. */
	if (r < 0 && (link->flags & IFF_UP))
		(void)set_up(nl, link, true, NULL);
	return r;
}

int net_interface_update(struct netlink *nl, const struct net_interface_config *config, bool ipv6, struct err *err)
{
	struct wanted w = { .config = config };
	int r = parse(&w, ipv6, err);

	if (r == 0)
		r = update(nl, &w, err);
	buf_done(&w.addresses);
	return r;
}
