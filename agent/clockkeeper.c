/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/clockkeeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ptp_clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timex.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"

#define CLOCKS_MAX  8 /* a guest has one, or that and a network card's */
#define KVM_CLOCK   "KVM virtual PTP"
#define NAME_BYTES  64
#define NS_PER_SEC  1000000000
#define NS_PER_USEC 1000

struct clockkeeper {
	struct loop *loop;
	struct loop_timer timer;
	const struct clockkeeper_ops *ops;
	int fd;
	int said; /* the last failure, which is told once */
};

/* --- the kernel's clocks ----------------------------------------------------------------------------------------- */

static int64_t to_ns(const struct ptp_clock_time *t)
{
	return t->sec * NS_PER_SEC + t->nsec;
}

static int measure(int fd, int64_t *ret_offset_ns)
{
	struct ptp_sys_offset_precise both;
	int r;

	memset(&both, 0, sizeof(both));
	r = sys_ioctl(fd, PTP_SYS_OFFSET_PRECISE, &both);
	if (r < 0)
		return r;
	*ret_offset_ns = to_ns(&both.device) - to_ns(&both.sys_realtime);
	return 0;
}

static int slew(int64_t offset_ns)
{
	struct timex tx = { .modes = ADJ_OFFSET_SINGLESHOT, .offset = offset_ns / NS_PER_USEC };
	int r = sys_adjtimex(&tx);

	return r < 0 ? r : 0;
}

static int step(int64_t offset_ns)
{
	int64_t now = (int64_t)sys_now(CLOCK_REALTIME) + offset_ns;
	const struct timeval tv = { .tv_sec = now / NS_PER_SEC, .tv_usec = now % NS_PER_SEC / NS_PER_USEC };

	return now < 0 ? -ERANGE : sys_settimeofday(&tv);
}

const struct clockkeeper_ops clockkeeper_kernel = { .measure = measure, .slew = slew, .step = step };

static bool is_hosts(const char *sysfs, int n)
{
	_autofree_ char *name = NULL;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/ptp%d/clock_name", sysfs, n);
	return fd_read_file_at(AT_FDCWD, path, NAME_BYTES, &name, NULL) == 0 && strcmp(name, KVM_CLOCK "\n") == 0;
}

int clockkeeper_open(const char *sysfs, const char *dev)
{
	for (int i = 0; i < CLOCKS_MAX; i++) {
		char path[PATH_MAX];

		if (!is_hosts(sysfs, i))
			continue;
		(void)snprintf(path, sizeof(path), "%s/ptp%d", dev, i);
		return sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	}
	return -ENODEV;
}

/* --- keeping ----------------------------------------------------------------------------------------------------- */

static int correct(const struct clockkeeper *k)
{
	int64_t offset = 0, size;
	int r = k->ops->measure(k->fd, &offset);

	if (r < 0)
		return r;
	size = offset < 0 ? -offset : offset;
	if (size >= CLOCKKEEPER_STEP_NS) {
		r = k->ops->step(offset);
		if (r >= 0)
			log_info("clock", "Clock set to the host's: it was off by %lld ms",
			         (long long)(-offset / 1000000));
		return r;
	}
	return size >= CLOCKKEEPER_QUIET_NS ? k->ops->slew(offset) : 0;
}

static void on_time(struct loop_timer *timer)
{
	struct clockkeeper *k = container_of(timer, struct clockkeeper, timer);
	int r = correct(k);

	if (r != k->said && r < 0)
		log_warning("clock", "Cannot keep the clock: %s, trying again", strerror(-r));
	k->said = r;
	(void)loop_timer_start(k->loop, timer, CLOCKKEEPER_INTERVAL_MS);
}

int clockkeeper_new(struct loop *loop, int fd, const struct clockkeeper_ops *ops, struct clockkeeper **ret,
                    struct err *err)
{
	struct clockkeeper *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_set(err, ENOMEM, "keep the clock");
	*k = (struct clockkeeper){ .loop = loop, .ops = ops, .fd = fd, .timer.expired = on_time };
	r = correct(k);
	if (r >= 0)
		r = loop_timer_start(loop, &k->timer, CLOCKKEEPER_INTERVAL_MS);
	if (r < 0) {
		free(k);
		return err_set(err, r, "keep the clock by the host's");
	}
	*ret = k;
	return 0;
}

struct clockkeeper *clockkeeper_free(struct clockkeeper *k)
{
	if (!k)
		return NULL;
	loop_timer_stop(&k->timer);
	fd_closep(&k->fd);
	free(k);
	return NULL;
}
