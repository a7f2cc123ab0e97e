/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/devices.h"

#include <errno.h>

#include "agent/device/content.h"
#include "agent/device/disk.h"

unsigned devices_timeout_ms(const struct options *options)
{
	unsigned s = options ? options->hotplug_timeout_s : 0;

	return (s < DEVICES_TIMEOUT_MAX_S ? s : DEVICES_TIMEOUT_MAX_S) * 1000;
}

bool devices_must_wait(const struct storage_config *config)
{
	return device_is_disk_kind(config->driver);
}

static int wait_disk(const struct storage_config *config, unsigned timeout_ms, struct device_disk *ret, struct err *err)
{
	_autodevicehost_ struct device_host host = { .sys = -EBADF, .dev = -EBADF };
	int r = device_host_init(&host, "/sys", "/dev", timeout_ms, err);

	return r < 0 ? r : device_wait_disk(&host, config->driver, config->source ? config->source : "", ret, err);
}

int devices_prepare_storage(struct arena *arena, struct storage_config *config, unsigned timeout_ms, struct err *err)
{
	char fstype[DEVICE_FSTYPE_MAX];
	struct device_disk disk;
	int r;

	if (!devices_must_wait(config))
		return 0;
	r = wait_disk(config, timeout_ms, &disk, err);
	if (r < 0)
		return r;
	config->source = arena_strdup(arena, disk.path);
	if (!config->fstype || !config->fstype[0]) {
		r = device_find_fstype(disk.path, fstype, err);
		if (r < 0)
			return r;
		config->fstype = arena_strdup(arena, fstype);
	}
	return config->source && config->fstype ? 0 : err_set(err, ENOMEM, "plan a storage");
}
