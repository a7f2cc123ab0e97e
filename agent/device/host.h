/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where devices are looked for: the guest's /sys and /dev, or a test's copy of them. And the one way to wait for a
 * device: subscribe to the kernel's events, look, and look again with every event until the deadline. Runs in jobs, for
 * it waits. The caller owns the struct.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define DEVICE_POKE_MS 1000 /* how often what does not come is asked for again */

struct device_host {
	const char *sys_path, *dev_path; /* borrowed */
	int sys, dev;                    /* their fds */
	unsigned timeout_ms;             /* for each device */
};

#define _autodevicehost_ _cleanup_(device_host_done)

/* Opens both directories; the paths are "/sys" and "/dev" but in tests. */
int device_host_init(struct device_host *ret, const char *sys_path, const char *dev_path, unsigned timeout_ms,
                     struct err *err);

/* Closes them. */
void device_host_done(struct device_host *host);

/* What to wait for. */
struct device_look {
	/* 1 = it is there, 0 = not yet, -errno with err = it is of no use to wait. */
	int (*look)(const struct device_host *host, void *arg, struct err *err);
	/* Asks the kernel to search, before the first look and every DEVICE_POKE_MS; or NULL. */
	int (*poke)(const struct device_host *host, void *arg, struct err *err);
	void *arg;
	const char *what; /* "disk at PCI path '02/03'", for the error */
	/* Writes what is there of that kind, for the error; or NULL. */
	void (*list)(const struct device_host *host, char *buf, size_t size);
};

/* Waits; -ETIMEDOUT names what did not come, and what there is. */
int device_wait(const struct device_host *host, const struct device_look *what, struct err *err);

/* Finds the first entry of a directory below `at` that `fits`, its name into buf; 0, -ENOENT, -errno. */
int device_find_entry(int at, const char *dir, bool (*fits)(const char *name, const void *arg), const void *arg,
                      char *buf, size_t size);
