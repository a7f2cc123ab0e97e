/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/scsi.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/mem.h"
#include "lib/sys.h"

#define HOSTS   "class/scsi_host"
#define DEVICES "bus/scsi/devices"

/* A decimal number up to `end`; what follows it, or NULL. */
static const char *parse_number(const char *p, char end, unsigned *ret)
{
	unsigned long value;
	char *after;

	if (!isdigit((unsigned char)*p))
		return NULL;
	errno = 0;
	value = strtoul(p, &after, 10);
	if (errno || value > INT_MAX || *after != end)
		return NULL;
	*ret = (unsigned)value;
	return after + 1;
}

int device_scsi_parse(const char *text, struct device_scsi *ret, struct err *err)
{
	struct device_scsi address;
	const char *p = parse_number(text, ':', &address.id);

	if (!p || !parse_number(p, '\0', &address.lun))
		return err_say(err, EINVAL, "invalid SCSI address '%.64s': it must be 'id:lun'", text);
	*ret = address;
	return 0;
}

static int ask_host(const struct device_host *host, const char *name, const char *text)
{
	_autoclose_ int fd = -EBADF;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/" HOSTS "/%s/scan", host->sys_path, name);
	/* Opened by path, behind the fence: the disks of a machine are not ours to search for. */
	fd = sys_open_machine_file(path, O_WRONLY);
	return fd < 0 ? fd : fd_write_all(fd, text, strlen(text));
}

int device_scsi_scan(const struct device_host *host, const struct device_scsi *address, struct err *err)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int r = fd_opendir(host->sys, HOSTS, 0, &dir), first = 0;
	bool asked = false;
	char text[32];

	if (r < 0)
		return r == -ENOENT ? 0 : err_set(err, r, "look for SCSI hosts");
	(void)snprintf(text, sizeof(text), "0 %u %u", address->id, address->lun);
	while ((r = sys_readdir(dir, &entry)) > 0) {
		if (entry->d_name[0] == '.')
			continue;
		r = ask_host(host, entry->d_name, text);
		asked = asked || r == 0;
		/* Hosts of another kind (a CD drive's) refuse an address that they cannot have. */
		if (r < 0 && first == 0)
			first = err_set(err, r, "have SCSI host '%s' search at '%u:%u'", entry->d_name, address->id,
			                address->lun);
	}
	if (r < 0)
		return err_set(err, r, "look for SCSI hosts");
	return asked ? 0 : first;
}

int device_scsi_find(const struct device_host *host, const struct device_scsi *address, char name[NAME_MAX + 1])
{
	_autodir_ DIR *dir = NULL;
	unsigned best = UINT_MAX;
	struct dirent *entry;
	int r = fd_opendir(host->sys, DEVICES, 0, &dir);

	if (r < 0)
		return r;
	while ((r = sys_readdir(dir, &entry)) > 0) {
		unsigned at, channel, id, lun;
		int used = 0;

		if (sscanf(entry->d_name, "%u:%u:%u:%u%n", &at, &channel, &id, &lun, &used) != 4 ||
		    entry->d_name[used] || channel != 0 || id != address->id || lun != address->lun || at >= best)
			continue;
		best = at;
		(void)snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
	}
	if (r < 0)
		return r;
	return best == UINT_MAX ? -ENOENT : 0;
}
