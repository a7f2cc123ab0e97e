/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"

#define OWN "/proc/self/ns/net"

static int open_netns(const char *path, struct err *err)
{
	_autoclose_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	struct statfs fs = { 0 };
	int r = fd < 0 ? fd : sys_fstatfs(fd, &fs);

	if (r < 0)
		return err_set(err, -r, "open the network namespace '%s'", path);
	if (fs.f_type != NSFS_MAGIC)
		return err_say(err, EINVAL, "open the network namespace '%s': it is none", path);
	return take_fd(&fd);
}

uint64_t netns_inode(int fd)
{
	struct stat st;

	return sys_fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 ? st.st_ino : 0;
}

static int is_own(const char *path, struct err *err)
{
	_autoclose_ int fd = open_netns(path, err), own = -EBADF;

	if (fd < 0)
		return fd;
	own = open_netns(OWN, err);
	return own < 0 ? own : netns_inode(own) == netns_inode(fd);
}

static int refuse_host(const struct config_runtime *config, const char *id, struct err *err)
{
	if (config->disable_new_netns || strcmp(config->internetworking_model, "user") == 0)
		return 0;
	return err_say(err, EOPNOTSUPP,
	               "create container '%s': its specification asks for the host's network, which a virtual machine "
	               "cannot share: give it a network namespace (or set internetworking_model to 'user')",
	               id);
}

int netns_wish_of(const struct oci_spec *spec, const struct config_runtime *config, const char *id,
                  struct netns_wish *ret, struct err *err)
{
	const struct oci_namespace *ns = oci_find_namespace(spec->linux, CLONE_NEWNET);
	bool has_path = ns && ns->path && *ns->path;
	int r = has_path ? is_own(ns->path, err) : !ns;

	if (r < 0)
		return r;
	if (r > 0) {
		*ret = (struct netns_wish){ .kind = NETNS_OWN };
		return refuse_host(config, id, err);
	}
	/* Who has switched them off runs everything in the namespace that the runtime was started in. */
	if (!has_path && config->disable_new_netns)
		*ret = (struct netns_wish){ .kind = NETNS_OWN };
	else
		*ret = (struct netns_wish){ has_path ? NETNS_PATH : NETNS_NEW, has_path ? ns->path : NULL };
	return 0;
}

int netns_enter(const struct netns_wish *wish, struct err *err)
{
	_autoclose_ int fd = -EBADF;
	int r;

	switch (wish->kind) {
	case NETNS_OWN:
		return 0;
	case NETNS_NEW:
		r = sys_unshare(CLONE_NEWNET);
		return r < 0 ? err_set(err, -r, "make a network namespace") : 0;
	case NETNS_PATH:
		break;
	}
	fd = open_netns(wish->path, err);
	if (fd < 0)
		return fd;
	r = sys_setns(fd, CLONE_NEWNET);
	return r < 0 ? err_set(err, -r, "enter the network namespace '%s'", wish->path) : 0;
}

int netns_visit(int fd, int *ret_back, struct err *err)
{
	_autoclose_ int own = open_netns(OWN, err);
	int r;

	if (own < 0)
		return own;
	r = sys_setns(fd, CLONE_NEWNET);
	if (r < 0)
		return err_set(err, -r, "enter the sandbox's network namespace");
	*ret_back = take_fd(&own);
	return 0;
}

void netns_return(int back)
{
	int r = back >= 0 ? sys_setns(back, CLONE_NEWNET) : 0;

	(void)fd_close(back);
	if (r < 0) {
		log_error("network", "Cannot leave the sandbox's network namespace: %s", strerror(-r));
		abort();
	}
}
