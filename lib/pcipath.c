/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/pcipath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define SLOT_MAX     0x1f
#define FUNCTION_MAX 7
#define PLATFORM     "devices/platform"

/* --- text -------------------------------------------------------------------------------------------------------- */

/* Up to two hexadecimal digits; what follows them, or NULL. */
static const char *parse_hex(const char *p, unsigned *ret)
{
	size_t n = strspn(p, "0123456789abcdefABCDEF");

	if (n < 1 || n > 2 || sscanf(p, "%2x", ret) != 1)
		return NULL;
	return p + n;
}

static const char *parse_part(const char *p, unsigned *ret_slot, unsigned *ret_function)
{
	p = parse_hex(p, ret_slot);
	if (p && *p == '.')
		p = parse_hex(p + 1, ret_function);
	return p;
}

static void take_root_bus(struct pci_path *path)
{
	if (path->n < 3 || path->at[0].slot <= SLOT_MAX || path->at[0].function != 0)
		return;
	path->root_bus = path->at[0].slot;
	path->n--;
	memmove(&path->at[0], &path->at[1], path->n * sizeof(path->at[0]));
}

static bool is_valid(const struct pci_path *path)
{
	for (unsigned i = 0; i < path->n; i++)
		if (path->at[i].slot > SLOT_MAX || path->at[i].function > FUNCTION_MAX)
			return false;
	return path->n > 0;
}

int pci_path_parse(const char *text, struct pci_path *ret, struct err *err)
{
	struct pci_path path = { 0 };
	const char *p = text;

	while (p && path.n < PCI_PATH_DEPTH_MAX) {
		p = parse_part(p, &path.at[path.n].slot, &path.at[path.n].function);
		path.n++;
		if (!p || *p != '/')
			break;
		p++;
	}
	take_root_bus(&path);
	if (!p || *p != '\0' || !is_valid(&path))
		return err_say(err, EINVAL, "Invalid PCI path '%s'", text);
	*ret = path;
	return 0;
}

/* Exactly n hexadecimal digits and what ends them; what follows, or NULL. */
static const char *parse_digits(const char *p, size_t n, char end, unsigned *ret)
{
	if (!p || strspn(p, "0123456789abcdefABCDEF") != n || p[n] != end || sscanf(p, "%4x", ret) != 1)
		return NULL;
	return p + n + 1;
}

int pci_address_parse(const char *text, struct pci_address *ret)
{
	struct pci_address address;
	const char *p = parse_digits(text, 4, ':', &address.domain);

	p = parse_digits(p, 2, ':', &address.bus);
	p = parse_digits(p, 2, '.', &address.slot);
	p = parse_digits(p, 1, '\0', &address.function);
	if (!p || address.slot > SLOT_MAX || address.function > FUNCTION_MAX)
		return -EINVAL;
	*ret = address;
	return 0;
}

const char *pci_address_format(const struct pci_address *address, char *buf)
{
	(void)snprintf(buf, PCI_ADDRESS_TEXT_MAX, "%04x:%02x:%02x.%x", address->domain & 0xffff, address->bus & 0xff,
	               address->slot & SLOT_MAX, address->function & FUNCTION_MAX);
	return buf;
}

/* --- /sys -------------------------------------------------------------------------------------------------------- */

/* Finds the entry of a directory that `fits`; 0, or -ENOENT. */
static int find_entry(int sysfs, const char *dir_path, bool (*fits)(const char *name), char *buf, size_t size)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int r = fd_opendir(sysfs, dir_path, 0, &dir);

	if (r < 0)
		return r;
	do {
		r = sys_readdir(dir, &entry);
	} while (r > 0 && !fits(entry->d_name));
	if (r > 0)
		r = snprintf(buf, size, "%s", entry->d_name) < (int)size ? 1 : -ENAMETOOLONG;
	return r > 0 ? 0 : r == 0 ? -ENOENT : r;
}

static bool is_bus(const char *name)
{
	unsigned domain, bus;

	return sscanf(name, "%x:%x", &domain, &bus) == 2;
}

static bool is_pcie_host(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".pcie") == 0;
}

/* Adds to the path in buf; false when there is no room. */
_printf_(2, 3) static bool append(char *buf, const char *fmt, ...)
{
	size_t len = strlen(buf), room = PCI_PATH_SYSFS_MAX - len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf + len, room, fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < room;
}

/* With ACPI the root stands in devices/, with a device tree (arm64) below its platform device. */
static int find_root(int sysfs, unsigned bus, char *buf)
{
	char host[NAME_MAX + 1];
	struct stat st;
	int r;

	buf[0] = '\0';
	(void)append(buf, "devices/pci0000:%02x", bus);
	if (sys_fstatat(sysfs, buf, &st, 0) == 0)
		return 0;
	r = find_entry(sysfs, PLATFORM, is_pcie_host, host, sizeof(host));
	if (r < 0)
		return r;
	buf[0] = '\0';
	return append(buf, PLATFORM "/%s/pci0000:%02x", host, bus) ? 0 : -ENAMETOOLONG;
}

/* The bus behind a bridge has a number that only its directory pci_bus/ tells. */
static int enter_bridge(int sysfs, const char *bridge, char *bus, size_t size)
{
	char dir[PCI_PATH_SYSFS_MAX + sizeof("/pci_bus")];

	(void)snprintf(dir, sizeof(dir), "%s/pci_bus", bridge);
	return find_entry(sysfs, dir, is_bus, bus, size);
}

int pci_path_resolve(int sysfs, const struct pci_path *path, char *buf)
{
	char bus[NAME_MAX + 1];
	struct stat st;
	int r = find_root(sysfs, path->root_bus, buf);

	(void)snprintf(bus, sizeof(bus), "0000:%02x", path->root_bus);
	for (unsigned i = 0; r == 0 && i < path->n; i++) {
		if (i > 0)
			r = enter_bridge(sysfs, buf, bus, sizeof(bus));
		if (r == 0 && !append(buf, "/%s:%02x.%x", bus, path->at[i].slot, path->at[i].function))
			r = -ENAMETOOLONG;
	}
	return r < 0 ? r : sys_fstatat(sysfs, buf, &st, 0);
}
