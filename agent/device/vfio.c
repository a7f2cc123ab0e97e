/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/vfio.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/fd.h"
#include "lib/mem.h"
#include "lib/sys.h"

#define DRIVER "vfio-pci"
#define PCI    "bus/pci"

/* --- the function ------------------------------------------------------------------------------------------------ */

struct search {
	struct pci_path path;
	struct pci_address *ret;
};

static int look_at_path(const struct device_host *host, void *arg, struct err *err)
{
	const struct search *s = arg;
	char dir[PCI_PATH_SYSFS_MAX];
	int r = pci_path_resolve(host->sys, &s->path, dir);

	if (r == -ENOENT)
		return 0;
	r = r < 0 ? r : pci_address_parse(strrchr(dir, '/') + 1, s->ret);
	return r < 0 ? err_set(err, r, "look for a PCI device") : 1;
}

static void list_functions(const struct device_host *host, char *buf, size_t size)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	size_t len = 0;

	buf[0] = '\0';
	if (fd_opendir(host->sys, PCI "/devices", 0, &dir) < 0)
		return;
	while (sys_readdir(dir, &entry) > 0) {
		int n;

		if (entry->d_name[0] == '.')
			continue;
		n = snprintf(buf + len, size - len, "%s%s", len > 0 ? ", " : "", entry->d_name);
		if (n < 0 || (size_t)n >= size - len)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
}

int device_wait_pci(const struct device_host *host, const char *path, struct pci_address *ret, struct err *err)
{
	struct search s = { .ret = ret };
	char text[128];
	const struct device_look what = { .look = look_at_path, .arg = &s, .what = text, .list = list_functions };
	int r = pci_path_parse(path, &s.path, err);

	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "PCI device at path '%.64s'", path);
	return device_wait(host, &what, err);
}

/* --- its driver -------------------------------------------------------------------------------------------------- */

/* Opened by path, behind the fence: the drivers of a machine are not ours to change. */
static int write_machine_file(const struct device_host *host, const char *name, const char *text, struct err *err)
{
	_autoclose_ int fd = -EBADF;
	char path[PCI_PATH_SYSFS_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/" PCI "/%s", host->sys_path, name);
	fd = sys_open_machine_file(path, O_WRONLY);
	r = fd < 0 ? fd : fd_write_all(fd, text, strlen(text));
	return r < 0 ? err_set(err, r, "write '%s' to '%s'", text, path) : 0;
}

/* The last part of a link of the function ("driver", "iommu_group") into ret; -ENOENT without it. */
static int read_link(const struct device_host *host, const char *address, const char *link, char ret[NAME_MAX + 1])
{
	char path[PCI_PATH_SYSFS_MAX], target[PATH_MAX];
	const char *name;
	ssize_t n;

	(void)snprintf(path, sizeof(path), PCI "/devices/%s/%s", address, link);
	n = sys_readlinkat(host->sys, path, target, sizeof(target) - 1);
	if (n < 0)
		return (int)n;
	target[n] = '\0';
	name = strrchr(target, '/');
	n = snprintf(ret, NAME_MAX + 1, "%s", name ? name + 1 : target);
	return n > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int change_driver(const struct device_host *host, const char *address, struct err *err)
{
	char driver[NAME_MAX + 1] = "", path[PCI_ADDRESS_TEXT_MAX + 64];
	int r = read_link(host, address, "driver", driver);

	if (r < 0 && r != -ENOENT)
		return err_set(err, r, "look for the driver of '%s'", address);
	if (r == 0 && strcmp(driver, DRIVER) == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "devices/%s/driver_override", address);
	if (write_machine_file(host, path, DRIVER, err) < 0)
		return -err->num;
	(void)snprintf(path, sizeof(path), "devices/%s/driver/unbind", address);
	if (r == 0 && write_machine_file(host, path, address, err) < 0)
		return -err->num;
	return write_machine_file(host, "drivers_probe", address, err);
}

int device_bind_vfio(const struct device_host *host, const struct pci_address *address, unsigned *ret_group,
                     struct err *err)
{
	char text[PCI_ADDRESS_TEXT_MAX], name[NAME_MAX + 1];
	struct err own = ERR_INIT;
	int r;

	pci_address_format(address, text);
	r = change_driver(host, text, &own);
	if (r < 0) {
		(void)err_copy(err, &own);
		(void)err_wrap(err, "give '%s' to " DRIVER, text);
		return r;
	}
	if (read_link(host, text, "driver", name) < 0 || strcmp(name, DRIVER) != 0)
		return err_say(err, ENODEV, "give '%s' to " DRIVER ": the driver has not taken it, is it loaded?",
		               text);
	if (read_link(host, text, "iommu_group", name) < 0 || sscanf(name, "%6u", ret_group) != 1)
		return err_say(err, ENODEV, "give '%s' to " DRIVER ": it is in no IOMMU group", text);
	return 0;
}

/* --- nodes ------------------------------------------------------------------------------------------------------- */

/* 1 = a character device, 0 = it is not there, -errno. */
static int look_at_node(const struct device_host *host, const char *name, struct device_node *ret)
{
	struct stat st;
	int r = sys_fstatat(host->dev, name, &st, AT_SYMLINK_NOFOLLOW);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!S_ISCHR(st.st_mode))
		return -ENODEV;
	if (snprintf(ret->path, sizeof(ret->path), "/dev/%s", name) >= (int)sizeof(ret->path))
		return -ENAMETOOLONG;
	ret->major_nr = major(st.st_rdev);
	ret->minor_nr = minor(st.st_rdev);
	return 1;
}

struct group_search {
	char name[DEVICE_NODE_MAX];
	struct device_node *ret;
};

static int look_at_group(const struct device_host *host, void *arg, struct err *err)
{
	const struct group_search *s = arg;
	int r = look_at_node(host, s->name, s->ret);

	return r < 0 ? err_set(err, r, "look for '/dev/%s'", s->name) : r;
}

int device_wait_vfio_group(const struct device_host *host, unsigned group, struct device_node *ret, struct err *err)
{
	struct group_search s = { .ret = ret };
	char text[128];
	const struct device_look what = { .look = look_at_group, .arg = &s, .what = text };

	(void)snprintf(s.name, sizeof(s.name), "vfio/%u", group);
	(void)snprintf(text, sizeof(text), "node '/dev/%s'", s.name);
	return device_wait(host, &what, err);
}

int device_list_nodes(const struct device_host *host, const char *dir_name, struct device_node *ret, size_t max,
                      struct err *err)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	size_t n = 0;
	int r = fd_opendir(host->dev, dir_name, 0, &dir);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(err, r, "list '/dev/%s'", dir_name);
	while (n < max && (r = sys_readdir(dir, &entry)) > 0) {
		char name[DEVICE_NODE_MAX + NAME_MAX];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", dir_name, entry->d_name);
		/* What is none, or has a name that nobody gives a device, is left out. */
		n += look_at_node(host, name, &ret[n]) == 1;
	}
	return r < 0 ? err_set(err, r, "list '/dev/%s'", dir_name) : (int)n;
}
