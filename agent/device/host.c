/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "lib/fd.h"
#include "lib/mem.h"
#include "lib/sys.h"
#include "lib/uevent.h"

#define LIST_MAX  320 /* of what is there, in an error */
#define NS_PER_MS 1000000ull

int device_host_init(struct device_host *ret, const char *sys_path, const char *dev_path, unsigned timeout_ms,
                     struct err *err)
{
	_autodevicehost_ struct device_host host = { sys_path, dev_path, -EBADF, -EBADF, timeout_ms };

	host.sys = sys_openat(AT_FDCWD, sys_path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (host.sys < 0)
		return err_set(err, host.sys, "open '%s'", sys_path);
	host.dev = sys_openat(AT_FDCWD, dev_path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (host.dev < 0)
		return err_set(err, host.dev, "open '%s'", dev_path);
	*ret = host;
	host.sys = host.dev = -EBADF;
	return 0;
}

void device_host_done(struct device_host *host)
{
	fd_closep(&host->sys);
	fd_closep(&host->dev);
}

static int say_missing(const struct device_host *host, const struct device_look *what, struct err *err)
{
	char there[LIST_MAX] = "";

	if (what->list)
		what->list(host, there, sizeof(there));
	return err_say(err, ETIMEDOUT, "no %s within %u ms (agent.hotplug_timeout)%s%s", what->what, host->timeout_ms,
	               what->list ? "; there are: " : "", what->list && !there[0] ? "none" : there);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int wait_subscribed(const struct device_host *host, const struct device_look *what, int events, struct err *err)
{
	uint64_t now = sys_now(CLOCK_MONOTONIC), end = now + host->timeout_ms * NS_PER_MS, next_poke = now;

	for (;;) {
		int r = 0;

		if (what->poke && now >= next_poke) {
			r = what->poke(host, what->arg, err);
			next_poke = now + DEVICE_POKE_MS * NS_PER_MS;
		}
		r = r < 0 ? r : what->look(host, what->arg, err);
		if (r != 0)
			return r < 0 ? r : 0;
		now = sys_now(CLOCK_MONOTONIC);
		if (now >= end)
			return say_missing(host, what, err);
		r = uevent_wait(events, (int)(((what->poke ? earlier(end, next_poke) : end) - now) / NS_PER_MS) + 1);
		if (r < 0)
			return err_set(err, r, "wait for %s", what->what);
		now = sys_now(CLOCK_MONOTONIC);
	}
}

int device_wait(const struct device_host *host, const struct device_look *what, struct err *err)
{
	/* Before the first look, so that what comes right after it is an event. */
	_autoclose_ int events = uevent_open();

	if (events < 0)
		return err_set(err, events, "wait for %s: listen for events", what->what);
	return wait_subscribed(host, what, events, err);
}

int device_find_entry(int at, const char *dir_path, bool (*fits)(const char *name, const void *arg), const void *arg,
                      char *buf, size_t size)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int r = fd_opendir(at, dir_path, 0, &dir);

	if (r < 0)
		return r;
	while ((r = sys_readdir(dir, &entry)) > 0) {
		if (entry->d_name[0] == '.' || !fits(entry->d_name, arg))
			continue;
		return snprintf(buf, size, "%s", entry->d_name) < (int)size ? 0 : -ENAMETOOLONG;
	}
	return r < 0 ? r : -ENOENT;
}
