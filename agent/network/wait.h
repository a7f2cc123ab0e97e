/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for the network device at a PCI path: link events are subscribed to before /sys is looked at, and every event
 * is a reason to look again. Owned and embedded by the caller.
 */
#pragma once

#include <net/if.h>

#include "lib/loop.h"
#include "lib/netlink.h"
#include "lib/pcipath.h"

struct net_wait;

/* r = 0 and the link's name, or -errno and err; from the loop, and the wait is over already. */
typedef void (*net_wait_done)(struct net_wait *wait, int r, const char *name, const struct err *err);

struct net_wait {
	/* filled in by the caller */
	const char *path; /* "02/01"; borrowed for the wait's life */
	int sysfs;        /* fd of /sys, taken over by net_wait_start */
	unsigned timeout_s;
	net_wait_done done;

	/* private */
	struct pci_path parsed;
	struct netlink events;
	struct loop_source source;
	struct loop_timer deadline;
};

/* 1 and the name in name[IF_NAMESIZE] if it is there; 0 and `done` will be called once; -errno. */
int net_wait_start(struct loop *loop, struct net_wait *wait, char *name, struct err *err);

/* Stops waiting; `done` will not be called. */
void net_wait_cancel(struct net_wait *wait);

/* Looks for the network device at a path; its name into name[IF_NAMESIZE], -ENOENT if there is none yet. */
int net_find_at_pci(int sysfs, const struct pci_path *path, char *name);
