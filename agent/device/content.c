/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/content.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "lib/fd.h"
#include "lib/mem.h"
#include "lib/sys.h"

static void free_probe(blkid_probe *probe)
{
	blkid_free_probe(*probe);
}

static int probe_fd(blkid_probe probe, int fd, const char *path, char *ret, struct err *err)
{
	const char *type;
	int r;

	/* libblkid says only -1, and leaves errno as it was or not. */
	if (blkid_probe_set_device(probe, fd, 0, 0) < 0 || blkid_probe_enable_superblocks(probe, 1) < 0 ||
	    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE) < 0)
		return err_set(err, EIO, "find out what is on '%s'", path);
	errno = 0;
	r = blkid_do_safeprobe(probe);
	/* -2 says so, and in Debian 13's libblkid -1 without an errno: what can't be read has one. */
	if (r == -2 || (r < 0 && errno == 0))
		return err_say(err, ENOTUNIQ, "find out what is on '%s': more than one file system fits", path);
	if (r < 0)
		return err_set(err, EIO, "find out what is on '%s'", path);
	if (r > 0 || blkid_probe_lookup_value(probe, "TYPE", &type, NULL) < 0)
		return err_say(err, ENOENT, "find out what is on '%s': there is no file system", path);
	return snprintf(ret, DEVICE_FSTYPE_MAX, "%s", type) < DEVICE_FSTYPE_MAX
	               ? 0
	               : err_say(err, ENOENT, "find out what is on '%s': '%s' is no file system", path, type);
}

int device_find_fstype(const char *path, char ret[DEVICE_FSTYPE_MAX], struct err *err)
{
	_autoclose_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	_cleanup_(free_probe) blkid_probe probe = NULL;

	if (fd < 0)
		return err_set(err, fd, "find out what is on '%s'", path);
	probe = blkid_new_probe();
	if (!probe)
		return err_set(err, ENOMEM, "find out what is on '%s'", path);
	return probe_fd(probe, fd, path, ret, err);
}
