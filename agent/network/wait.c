/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define CLASS_NET "class/net"

/* True if the class entry's link leads below the device's directory: "../../devices/…/virtio1/net/eth0". */
static bool leads_below(int dir, const char *name, const char *device)
{
	char target[2 * PCI_PATH_SYSFS_MAX];
	ssize_t n = sys_readlinkat(dir, name, target, sizeof(target) - 1);
	const char *p = target;
	size_t len = strlen(device);

	if (n < 0)
		return false;
	target[n] = '\0';
	while (strncmp(p, "../", 3) == 0)
		p += 3;
	return strncmp(p, device, len) == 0 && p[len] == '/';
}

static int search_class(DIR *dir, const char *device, char *name)
{
	struct dirent *entry;
	int r;

	for (r = sys_readdir(dir, &entry); r > 0; r = sys_readdir(dir, &entry)) {
		if (strlen(entry->d_name) >= IF_NAMESIZE || !leads_below(dirfd(dir), entry->d_name, device))
			continue;
		strcpy(name, entry->d_name);
		return 0;
	}
	return r < 0 ? r : -ENOENT;
}

int net_find_at_pci(int sysfs, const struct pci_path *path, char *name)
{
	char device[PCI_PATH_SYSFS_MAX];
	_autodir_ DIR *dir = NULL;
	int r = pci_path_resolve(sysfs, path, device);

	r = r < 0 ? r : fd_opendir(sysfs, CLASS_NET, 0, &dir);
	return r < 0 ? r : search_class(dir, device, name);
}

void net_wait_cancel(struct net_wait *wait)
{
	loop_remove(&wait->source);
	loop_timer_stop(&wait->deadline);
	netlink_close(&wait->events);
	wait->sysfs = fd_close(wait->sysfs);
}

static void finish(struct net_wait *wait, int r, const char *name, const struct err *err)
{
	net_wait_cancel(wait);
	wait->done(wait, r, name, err);
}

static void deadline_over(struct loop_timer *timer)
{
	struct net_wait *wait = container_of(timer, struct net_wait, deadline);
	struct err err = ERR_INIT;

	(void)err_say(&err, ETIMEDOUT,
	              "interface not available: no network device at PCI path '%s' within %u s (agent.hotplug_timeout)",
	              wait->path, wait->timeout_s);
	finish(wait, -ETIMEDOUT, NULL, &err);
}

static int look_again(struct loop_source *source, uint32_t events)
{
	struct net_wait *wait = container_of(source, struct net_wait, source);
	struct err err = ERR_INIT;
	char name[IF_NAMESIZE];
	int r = netlink_drain(&wait->events);

	(void)events;
	if (r == 0)
		r = net_find_at_pci(wait->sysfs, &wait->parsed, name);
	if (r == -ENOENT)
		return LOOP_KEEP;
	if (r < 0)
		(void)err_set(&err, r, "interface not available: look for PCI path '%s'", wait->path);
	finish(wait, r, name, &err);
	return LOOP_KEEP;
}

static int begin(struct loop *loop, struct net_wait *wait, char *name, struct err *err)
{
	int r = pci_path_parse(wait->path, &wait->parsed, err);

	if (r == 0)
		r = netlink_open(&wait->events, RTMGRP_LINK, err);
	if (r < 0)
		return r;
	r = net_find_at_pci(wait->sysfs, &wait->parsed, name);
	if (r == 0)
		return 1;
	if (r == -ENOENT) {
		wait->source.fd = wait->events.fd;
		r = loop_add(loop, &wait->source);
		if (r == 0)
			r = loop_timer_start(loop, &wait->deadline, (uint64_t)wait->timeout_s * 1000);
	}
	return r < 0 ? err_set(err, r, "interface not available: look for PCI path '%s'", wait->path) : 0;
}

int net_wait_start(struct loop *loop, struct net_wait *wait, char *name, struct err *err)
{
	int r;

	wait->events = (struct netlink)NETLINK_INIT;
	wait->source = (struct loop_source){ .name = "network device", .fd = -EBADF, .events = EPOLLIN };
	wait->source.callback = look_again;
	wait->deadline = (struct loop_timer){ .source.name = "network device", .expired = deadline_over };
	r = begin(loop, wait, name, err);
	if (r != 0)
		net_wait_cancel(wait);
	return r;
}
