/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/network.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"
#include "runtime/network/netns.h"
#include "runtime/network/tap.h"
#include "runtime/network/tc.h"

static bool is_user(const struct config *config)
{
	return strcmp(config->runtime.internetworking_model, "user") == 0;
}

static bool is_scanned(const struct config *config)
{
	return !is_user(config) && strcmp(config->runtime.internetworking_model, "none") != 0;
}

/* --- one link ---------------------------------------------------------------------------------------------------- */

static int find_index(struct network *n, const char *name, int *ret, struct err *err)
{
	_autolinks_ struct net_links links = { 0 };
	const struct net_link *link;
	int r = net_links_read(&n->nl, &links, err);

	if (r < 0)
		return r;
	link = net_links_find(&links, name);
	if (!link)
		return err_say(err, ENODEV, "find the tap link '%s': it has gone", name);
	*ret = link->index;
	return 0;
}

static int say_ingress(int r, const char *name, struct err *err)
{
	if (r == -EEXIST)
		return err_say(err, EEXIST,
		               "link '%s' has an ingress queue already: does another virtual machine use it?", name);
	return err_wrap(err, "give link '%s' an ingress queue", name);
}

static int join(struct network *n, size_t i, struct err *err)
{
	const struct netplan_nic *nic = &n->plan.nics[i];
	struct net_link_change up = { .mtu = nic->mtu, .flags = IFF_UP, .mask = IFF_UP };
	int r = find_index(n, nic->tap, &up.index, err);

	if (r < 0)
		return r;
	r = net_link_change(&n->nl, &up, err);
	if (r < 0)
		return err_wrap(err, "bring up the tap link '%s'", nic->tap);
	r = tc_add_ingress(&n->nl, up.index, err);
	if (r < 0)
		return say_ingress(r, nic->tap, err);
	r = tc_redirect(&n->nl, nic->index, up.index, err);
	if (r == 0)
		r = tc_redirect(&n->nl, up.index, nic->index, err);
	return r < 0 ? err_wrap(err, "join link '%s' and its tap", nic->name) : 0;
}

/* In the sandbox's namespace. */
static int attach(struct network *n, const struct config *config, struct err *err)
{
	struct err own = ERR_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n->plan.n_nics; i++) {
		/* First, for it tells who else is here. */
		r = tc_add_ingress(&n->nl, n->plan.nics[i].index, &own);
		if (r < 0) {
			(void)say_ingress(r, n->plan.nics[i].name, &own);
			break;
		}
		n->ends[i].is_changed = true;
		n->ends[i].tap = r = tap_open(n->plan.nics[i].tap, &own);
		if (r >= 0)
			r = join(n, i, &own);
		if (r == 0 && !config->hypervisor.disable_vhost_net)
			n->ends[i].vhost = tap_open_vhost();
	}
	return r < 0 ? err_copy(err, &own) : 0;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int scan_and_attach(struct network *n, const struct config *config, struct err *err)
{
	_autonetscan_ struct netscan scan = { 0 };
	int r = netlink_open(&n->nl, 0, err);

	if (r == 0)
		r = netscan_read(&n->nl, &scan, err);
	if (r == 0)
		r = netplan_of(&n->arena, &scan, &n->plan, err);
	if (r < 0)
		return r;
	if (*n->plan.left_out)
		log_warning("network", "A virtual machine cannot be given what is no Ethernet: %s, ignoring",
		            n->plan.left_out);
	return attach(n, config, err);
}

static int open_in(struct network *n, const struct config *config, const char *netns, struct err *err)
{
	int back = -EBADF, r;

	n->netns = sys_openat(AT_FDCWD, netns, O_RDONLY | O_CLOEXEC, 0);
	if (n->netns < 0)
		return err_set(err, -n->netns, "open the network namespace '%s'", netns);
	n->inode = netns_inode(n->netns);
	if (!is_scanned(config))
		return 0;
	r = netns_visit(n->netns, &back, err);
	if (r == 0)
		r = scan_and_attach(n, config, err);
	netns_return(back);
	return r;
}

int network_open(struct network *n, const struct config *config, const char *sandbox, const char *netns,
                 const char *path, struct err *err)
{
	int r = 0;

	*n = (struct network)NETWORK_INIT;
	for (size_t i = 0; i < VM_NICS_MAX; i++)
		n->ends[i].tap = n->ends[i].vhost = -EBADF;
	n->path = path ? strdup(path) : NULL;
	if (path && !n->path)
		r = err_set(err, ENOMEM, "open the network of '%s'", sandbox);
	if (r == 0 && is_user(config))
		r = netplan_user(&n->arena, sandbox, &n->plan, err);
	if (r == 0 && netns)
		r = open_in(n, config, netns, err);
	if (r < 0)
		network_close(n);
	return r;
}

void network_fill(const struct network *n, struct vm_spec *vm)
{
	vm->n_nics = n->plan.n_nics;
	for (size_t i = 0; i < n->plan.n_nics; i++)
		vm->nics[i] = (struct vm_nic){ n->plan.nics[i].mac, n->ends[i].tap, n->ends[i].vhost };
}

void network_release_fds(struct network *n)
{
	for (size_t i = 0; i < n->plan.n_nics; i++) {
		n->ends[i].tap = fd_close(n->ends[i].tap);
		n->ends[i].vhost = fd_close(n->ends[i].vhost);
	}
}

void network_close(struct network *n)
{
	for (size_t i = 0; i < n->plan.n_nics; i++) {
		/* A link that has gone has taken its queue along. */
		if (n->ends[i].is_changed)
			(void)tc_remove_ingress(&n->nl, n->plan.nics[i].index, NULL);
		n->ends[i].is_changed = false;
	}
	network_release_fds(n);
	n->plan.n_nics = 0;
	netlink_close(&n->nl);
	n->netns = fd_close(n->netns);
	free(n->path);
	n->path = NULL;
	arena_done(&n->arena);
}

/* --- for others -------------------------------------------------------------------------------------------------- */

struct json_object *network_record(const struct network *n)
{
	struct json_object *record, *links;

	if (!n->path || n->plan.n_nics == 0)
		return NULL;
	record = json_object_new_object();
	links = json_object_new_object();
	for (size_t i = 0; record && links && i < n->plan.n_nics; i++)
		if (n->ends[i].is_changed)
			(void)json_object_object_add(links, n->plan.nics[i].name,
			                             json_object_new_int(n->plan.nics[i].index));
	if (!record || !links || json_object_object_length(links) == 0) {
		(void)json_object_put(record);
		(void)json_object_put(links);
		return NULL;
	}
	(void)json_object_object_add(record, "netns", json_object_new_string(n->path));
	(void)json_object_object_add(record, "inode", json_object_new_uint64(n->inode));
	(void)json_object_object_add(record, "links", links);
	return record;
}

static void undo_links(struct json_object *record)
{
	_autonetlink_ struct netlink nl = NETLINK_INIT;
	_autolinks_ struct net_links links = { 0 };
	struct json_object *names;

	if (!json_object_object_get_ex(record, "links", &names) || !json_object_is_type(names, json_type_object) ||
	    netlink_open(&nl, 0, NULL) < 0 || net_links_read(&nl, &links, NULL) < 0)
		return;
	json_object_object_foreach(names, name, index)
	{
		const struct net_link *link = net_links_find(&links, name);

		if (link && link->index == json_object_get_int(index))
			(void)tc_remove_ingress(&nl, link->index, NULL);
	}
}

void network_undo(struct json_object *record)
{
	_autoclose_ int fd = -EBADF;
	struct json_object *path, *inode;
	int back = -EBADF;

	if (!json_object_object_get_ex(record, "netns", &path) || !json_object_object_get_ex(record, "inode", &inode))
		return;
	fd = sys_openat(AT_FDCWD, json_object_get_string(path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || netns_inode(fd) != json_object_get_uint64(inode) || netns_visit(fd, &back, NULL) < 0)
		return;
	undo_links(record);
	netns_return(back);
}
