/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUs and memory that were plugged into the running guest are put to use. Waits for the kernel's events, so it runs in
 * a job. Outside of a guest it answers -EPERM (the fence): the machine's CPUs are not ours. Stateless.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define DEVICE_SYSTEM  "/sys/devices/system"
#define DEVICE_MEMINFO "/proc/meminfo"

struct device_online {
	unsigned cpus; /* how many shall be online in all; 0 = whatever there is */
	bool memory;   /* every block that is offline now */
	unsigned timeout_ms;
};

/*
 * Puts CPUs online until there are enough, waiting for those that the kernel has not told yet; right too when somebody
 * else does it. -ETIMEDOUT says how many are online. `system` is DEVICE_SYSTEM but in tests.
 */
int device_online(const char *system, const struct device_online *want, struct err *err);

/*
 * Tells a kernel that has to be asked (memory/probe) that there is memory at these addresses; none is fine. -ENOMEM
 * with the numbers, before anything is told, if what it takes to describe so many pages is not available by `meminfo`.
 */
int device_probe_memory(const char *system, const char *meminfo, const uint64_t *addresses, size_t n, struct err *err);

/* How many numbers the kernel's list "0-2,5\n" has; -EINVAL. */
int device_count_list(const char *text);
