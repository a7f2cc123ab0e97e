/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define TUN_DEVICE   "/dev/net/tun"
#define VHOST_DEVICE "/dev/vhost-net"

int tap_open(const char *name, struct err *err)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL };
	_autoclose_ int fd = sys_openat(AT_FDCWD, TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return err_set(err, -fd, "open '%s'", TUN_DEVICE);
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	r = sys_ioctl(fd, TUNSETIFF, &request);
	return r < 0 ? err_set(err, -r, "make the tap link '%s'", name) : take_fd(&fd);
}

int tap_open_vhost(void)
{
	_autoclose_ int fd = sys_openat(AT_FDCWD, VHOST_DEVICE, O_RDWR | O_CLOEXEC, 0);
	uint64_t features;
	int r = fd < 0 ? fd : sys_ioctl(fd, VHOST_GET_FEATURES, &features);

	return r < 0 ? r : take_fd(&fd);
}
