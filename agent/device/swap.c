/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/swap.h"

#include <errno.h>

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
