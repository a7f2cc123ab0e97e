/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guestclock.h"

#include <errno.h>
#include <limits.h>
#include <linux/random.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define RANDOM "/dev/random"

int guest_set_time(int64_t seconds, int64_t microseconds, struct err *err)
{
	const struct timeval tv = { .tv_sec = seconds, .tv_usec = microseconds };
	int r = sys_settimeofday(&tv);

	return r < 0 ? err_set(err, r, "set the time to %lld.%06lld", (long long)seconds, (long long)microseconds) : 0;
}

int guest_reseed(const void *data, size_t len, struct err *err)
{
	_autoclose_ int fd = -EBADF;
	int bits, r;

	if (len == 0 || len > INT_MAX / 8)
		return err_say(err, EINVAL, "reseed '%s': %zu bytes of random data make no sense", RANDOM, len);
	bits = (int)len * 8;
	fd = sys_open_machine_file(RANDOM, O_WRONLY);
	if (fd < 0)
		return err_set(err, fd, "open '%s'", RANDOM);
	r = fd_write_all(fd, data, len);
	if (r < 0)
		return err_set(err, r, "write %zu bytes to '%s'", len, RANDOM);
	r = sys_ioctl(fd, RNDADDTOENTCNT, &bits);
	if (r < 0)
		return err_set(err, r, "credit %d bits to '%s'", bits, RANDOM);
	r = sys_ioctl(fd, RNDRESEEDCRNG, NULL);
	return r < 0 ? err_set(err, r, "reseed '%s'", RANDOM) : 0;
}
