/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "agent/device/scsi.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/pcipath.h"
#include "lib/sys.h"

#define DEV         "/dev/"
#define CLASS_BLOCK "class/block"

/* A disk that is looked for. */
struct search {
	const char *name; /* the host's */
	const struct disk_kind *kind;
	struct pci_path pci;
	struct device_scsi scsi;
	struct device_disk *ret;
};

struct disk_kind {
	const char *name, *what;
	/* Checks the host's name; -EINVAL. */
	int (*parse)(struct search *s, struct err *err);
	/* The kernel's name of the disk ("vda"); 0, or -ENOENT while it is not there. */
	int (*find)(const struct device_host *host, const struct search *s, char name[NAME_MAX + 1]);
	int (*poke)(const struct device_host *host, void *search, struct err *err);
};

/* --- the kinds --------------------------------------------------------------------------------------------------- */

static bool is_virtio(const char *name, const void *arg)
{
	(void)arg;
	return strncmp(name, "virtio", 6) == 0 && name[6] && strspn(name + 6, "0123456789") == strlen(name + 6);
}

static bool is_any(const char *name, const void *arg)
{
	(void)name;
	(void)arg;
	return true;
}

static bool is_below_dev(const char *name)
{
	return strncmp(name, DEV, strlen(DEV)) == 0;
}

static int parse_pci(struct search *s, struct err *err)
{
	return pci_path_parse(s->name, &s->pci, err);
}

static int find_virtio(const struct device_host *host, const struct search *s, char name[NAME_MAX + 1])
{
	char dir[PCI_PATH_SYSFS_MAX + NAME_MAX + sizeof("//block")], virtio[NAME_MAX + 1];
	int r = pci_path_resolve(host->sys, &s->pci, dir);

	r = r < 0 ? r : device_find_entry(host->sys, dir, is_virtio, NULL, virtio, sizeof(virtio));
	if (r < 0)
		return r;
	(void)snprintf(dir + strlen(dir), sizeof(dir) - strlen(dir), "/%s/block", virtio);
	return device_find_entry(host->sys, dir, is_any, NULL, name, NAME_MAX + 1);
}

static int parse_scsi(struct search *s, struct err *err)
{
	return device_scsi_parse(s->name, &s->scsi, err);
}

static int find_scsi(const struct device_host *host, const struct search *s, char name[NAME_MAX + 1])
{
	char dir[NAME_MAX + sizeof("bus/scsi/devices//block")], device[NAME_MAX + 1];
	int r = device_scsi_find(host, &s->scsi, device);

	if (r < 0)
		return r;
	(void)snprintf(dir, sizeof(dir), "bus/scsi/devices/%s/block", device);
	return device_find_entry(host->sys, dir, is_any, NULL, name, NAME_MAX + 1);
}

static int poke_scsi(const struct device_host *host, void *search, struct err *err)
{
	return device_scsi_scan(host, &((const struct search *)search)->scsi, err);
}

static int parse_path(struct search *s, struct err *err)
{
	if (!is_below_dev(s->name) || !path_is_clean(s->name) || strlen(s->name) >= sizeof(s->ret->path))
		return err_say(err, EINVAL, "invalid path '%s' of a %s: it must be below '" DEV "'", s->name,
		               s->kind->what);
	return 0;
}

static int find_path(const struct device_host *host, const struct search *s, char name[NAME_MAX + 1])
{
	(void)host;
	(void)snprintf(name, NAME_MAX + 1, "%s", s->name + strlen(DEV));
	return 0;
}

static int parse_ccw(struct search *s, struct err *err)
{
	return err_say(err, EOPNOTSUPP, "disk '%s': channel devices (blk-ccw) are of s390x, this is another machine",
	               s->name);
}

static const struct disk_kind by_path = { "blk", "disk", parse_path, find_path, NULL };

static const struct disk_kind kinds[] = {
	{ "blk", "virtio disk at PCI path", parse_pci, find_virtio, NULL },
	{ "scsi", "SCSI disk at", parse_scsi, find_scsi, poke_scsi },
	{ "nvdimm", "persistent memory device", parse_path, find_path, NULL },
	{ "mmioblk", "disk", parse_path, find_path, NULL },
	{ "blk-ccw", "channel disk", parse_ccw, NULL, NULL },
};

static const struct disk_kind *find_kind(const char *kind, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kind && strcmp(kinds[i].name, kind) == 0)
			return i == 0 && name && is_below_dev(name) ? &by_path : &kinds[i];
	return NULL;
}

bool device_is_disk_kind(const char *kind)
{
	return find_kind(kind, NULL) != NULL;
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

/*
 * The directory in /sys comes before the node in /dev, and both before the disk can be opened: the kernel tells of
 * the disk after that, so there will be another look. 1, 0 or -errno.
 */
static int look_at_node(const struct device_host *host, const char *name, struct device_disk *ret, struct err *err)
{
	_autoclose_ int fd = sys_openat(host->dev, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	struct stat st;
	int r;

	if (fd == -ENOENT || fd == -ENXIO)
		return 0;
	r = fd < 0 ? fd : sys_fstatat(fd, "", &st, AT_EMPTY_PATH);
	if (r == 0 && !S_ISBLK(st.st_mode))
		r = -ENOTBLK;
	if (r < 0)
		return err_set(err, r, "open '" DEV "%s'", name);
	(void)snprintf(ret->path, sizeof(ret->path), DEV "%s", name);
	ret->major_nr = major(st.st_rdev);
	ret->minor_nr = minor(st.st_rdev);
	return 1;
}

static int look(const struct device_host *host, void *arg, struct err *err)
{
	const struct search *s = arg;
	char name[NAME_MAX + 1];
	int r = s->kind->find(host, s, name);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(err, r, "look for the %s '%s'", s->kind->what, s->name);
	/* In /sys a slash of the name is an exclamation mark. */
	for (char *p = name; s->kind->find != find_path && *p; p++)
		if (*p == '!')
			*p = '/';
	return look_at_node(host, name, s->ret, err);
}

/* "../../devices/pci0000:00/0000:00:05.0/virtio3/block/vda" as "vda (pci0000:00/0000:00:05.0/virtio3)" */
static size_t describe(int class_block, const char *name, char *buf, size_t size)
{
	char target[PATH_MAX], *start = target, *end;
	ssize_t n = sys_readlinkat(class_block, name, target, sizeof(target) - 1);

	target[n > 0 ? n : 0] = '\0';
	while (strncmp(start, "../", 3) == 0)
		start += 3;
	if (strncmp(start, "devices/", 8) == 0)
		start += 8;
	end = strstr(start, "/block/");
	if (!end || strncmp(start, "virtual/", 8) == 0)
		return 0;
	*end = '\0';
	n = snprintf(buf, size, "%s (%s)", name, start);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

/* What does not fit into an error is left out. */
static void list_disks(const struct device_host *host, char *buf, size_t size)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	size_t len = 0;

	buf[0] = '\0';
	if (fd_opendir(host->sys, CLASS_BLOCK, 0, &dir) < 0)
		return;
	while (sys_readdir(dir, &entry) > 0) {
		size_t sep = len > 0 ? 2 : 0;

		if (entry->d_name[0] == '.' || len + sep + 1 >= size)
			continue;
		sep = describe(dirfd(dir), entry->d_name, buf + len + sep, size - len - sep) ? sep : size;
		if (sep == 2)
			memcpy(buf + len, ", ", 2);
		if (sep != size)
			len += strlen(buf + len);
		else
			buf[len] = '\0';
	}
}

int device_wait_disk(const struct device_host *host, const char *kind, const char *name, struct device_disk *ret,
                     struct err *err)
{
	struct device_disk disk;
	struct search s = { .name = name, .kind = find_kind(kind, name), .ret = &disk };
	struct device_look what = { .look = look, .arg = &s, .list = list_disks };
	char text[128];
	int r;

	if (!s.kind)
		return err_say(err, EINVAL, "there is no kind of disk '%s'", kind);
	r = s.kind->parse(&s, err);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "%s '%.64s'", s.kind->what, name);
	what.what = text;
	what.poke = s.kind->poke;
	r = device_wait(host, &what, err);
	if (r == 0)
		*ret = disk;
	return r;
}
