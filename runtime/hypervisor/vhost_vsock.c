/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/vhost_vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define DEVICE    "/dev/vhost-vsock"
#define CID_FIRST 3u /* the ones below are the hypervisor's, the machine's own and the host's */
#define CID_COUNT (0x7fffffffu - CID_FIRST)
#define TRIES_MAX 256

bool vhost_vsock_exists(void)
{
	return access(DEVICE, R_OK | W_OK) == 0;
}

bool vhost_vsock_is_wanted(const char *backend)
{
	return strcmp(backend, "auto") == 0 ? vhost_vsock_exists() : strcmp(backend, "vhost") == 0;
}

int vhost_vsock_claim(uint32_t *ret_cid, struct err *err)
{
	_autoclose_ int fd = sys_openat(AT_FDCWD, DEVICE, O_RDWR | O_CLOEXEC, 0);
	int r = -EADDRINUSE;

	if (fd < 0)
		return err_set(err, fd, "open '%s'", DEVICE);
	/* At random: one that has just been given up may still be on somebody's mind. */
	for (int i = 0; r == -EADDRINUSE && i < TRIES_MAX; i++) {
		uint32_t number = 0;
		uint64_t cid;

		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return err_set(err, EIO, "choose a vsock context id");
		cid = CID_FIRST + number % CID_COUNT;
		r = sys_ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid);
		*ret_cid = (uint32_t)cid;
	}
	return r < 0 ? err_set(err, r, "claim a vsock context id of '%s'", DEVICE) : take_fd(&fd);
}
