/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the guest's clock where the host offers its own (/dev/ptp_kvm): a guest whose init is the agent has no time
 * daemon, and drifts by seconds a day or stands still while it is paused. Every CLOCKKEEPER_INTERVAL_MS the two are
 * compared; a small offset is slewed away, a large one (a guest that was paused or restored) stepped. Without such a
 * device there is no keeper and no wake-up. Owned by main.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"

#define CLOCKKEEPER_INTERVAL_MS 64000
#define CLOCKKEEPER_STEP_NS     128000000 /* from here on slewing, 0.5 ms a second, would take too long */
#define CLOCKKEEPER_QUIET_NS    50000     /* below this the measurement is no better than the clock */

struct clockkeeper;

/* How the clocks are reached; the tests have others than the kernel's. */
struct clockkeeper_ops {
	/* How much the host's clock is ahead. 0 or -errno. */
	int (*measure)(int fd, int64_t *ret_offset_ns);
	/* Moves the clock by this much, little by little, in place of what is still to be moved. 0 or -errno. */
	int (*slew)(int64_t offset_ns);
	/* Moves it at once. 0 or -errno. */
	int (*step)(int64_t offset_ns);
};

extern const struct clockkeeper_ops clockkeeper_kernel;

/*
 * Opens the host's clock among those below sysfs ("/sys/class/ptp") in dev ("/dev"): an fd, -ENODEV if there is none,
 * or another -errno.
 */
int clockkeeper_open(const char *sysfs, const char *dev);

/* Sets the clock now and keeps it from then on; takes the fd over on success. -errno if it cannot be read. */
int clockkeeper_new(struct loop *loop, int fd, const struct clockkeeper_ops *ops, struct clockkeeper **ret,
                    struct err *err);

/* Stops keeping it. Returns NULL. */
struct clockkeeper *clockkeeper_free(struct clockkeeper *keeper);
