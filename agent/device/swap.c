/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/swap.h"

#include <errno.h>

#include "agent/device/disk.h"
#include "lib/path.h"
#include "lib/sys.h"

int device_add_swap(const char *path, struct err *err)
{
	int r;

	if (!path_is_clean(path))
		return err_say(err, EINVAL, "swap to '%s': the path must be absolute, without '..'", path);
	r = sys_swapon(path, 0);
	return r < 0 ? err_set(err, r, "swap to '%s'", path) : 0;
}

int device_add_swap_pci(const struct device_host *host, const char *path, struct err *err)
{
	struct device_disk disk;
	int r = device_wait_disk(host, "blk", path, &disk, err);

	return r < 0 ? err_wrap(err, "swap to PCI path '%.64s'", path) : device_add_swap(disk.path, err);
}
