/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"
#include "runtime/guestspec.h"

#define UEVENT_MAX 4096

struct disk *disk_add(struct list *disks, const char *path)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	*d = (struct disk){ .source.fd = -EBADF, .slot = -1 };
	list_init(&d->link);
	d->path = path ? strdup(path) : NULL;
	if (path && !d->path)
		return disk_free(d);
	list_append(disks, &d->link);
	return d;
}

struct disk *disk_free(struct disk *disk)
{
	if (!disk)
		return NULL;
	list_remove(&disk->link);
	(void)fd_close(disk->source.fd);
	free(disk->path);
	free(disk->mount);
	free(disk->dir);
	free(disk);
	return NULL;
}

void disk_free_all(struct list *disks)
{
	list_foreach(d, disks, struct disk, link)
		(void)disk_free(d);
}

/* --- a device of the host ---------------------------------------------------------------------------------------- */

/* What is asked of a device before it is opened, and told of it. */
struct wish {
	const struct oci_device *device;
	const char *hint; /* where its node may be on the host */
	bool read_only;
};

static bool is_node_of(const char *path, const struct oci_device *device)
{
	struct stat st;

	return sys_fstatat(AT_FDCWD, path, &st, 0) == 0 && S_ISBLK(st.st_mode) &&
	       st.st_rdev == makedev((unsigned)device->major, (unsigned)device->minor);
}

/* The kernel's name of the device, as "/dev/sda"; an arena string or NULL. */
static const char *kernel_path(struct arena *arena, const struct oci_device *device)
{
	_autofree_ char *text = NULL;
	char *path = arena_printf(arena, "/sys/dev/block/%" PRId64 ":%" PRId64 "/uevent", device->major, device->minor);
	const char *name;
	size_t n;

	if (!path || fd_read_file_at(AT_FDCWD, path, UEVENT_MAX, &text, &n) < 0)
		return NULL;
	name = strstr(text, "DEVNAME=");
	if (!name)
		return NULL;
	name += strlen("DEVNAME=");
	return arena_printf(arena, "/dev/%.*s", (int)strcspn(name, "\n"), name);
}

static const char *find_node(struct arena *arena, const struct wish *w)
{
	const char *path = w->hint;

	if (path && is_node_of(path, w->device))
		return path;
	path = kernel_path(arena, w->device);
	return path && is_node_of(path, w->device) ? path : NULL;
}

/* Somebody on the host has it for himself: mounted, swapped to, part of an array. */
static bool is_in_use(const char *path)
{
	_autoclose_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0);

	return fd == -EBUSY;
}

static int open_node(const char *path, bool *read_only)
{
	int fd, is_protected = 0;

	fd = *read_only ? -EROFS : sys_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	if (fd >= 0 && ioctl(fd, BLKROGET, &is_protected) == 0 && is_protected)
		fd = fd_close(fd);
	if (fd >= 0)
		return fd;
	if (!is_protected && fd != -EROFS && fd != -EACCES && fd != -EPERM)
		return fd;
	*read_only = true;
	return sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

/* 0, or -errno: -EBUSY and -ENOMEDIUM are those that a container which has everything does without. */
static int open_device(struct arena *arena, const struct wish *w, struct rootfs *ret, struct err *err)
{
	const struct oci_device *device = w->device;
	const char *path = find_node(arena, w);
	_autoclose_ int fd = -EBADF;
	bool read_only = w->read_only;
	uint64_t bytes = 0;

	if (!path)
		return err_say(err, ENODEV, "device '%s': the host has no node of a block device %" PRId64 ":%" PRId64,
		               device->path, device->major, device->minor);
	if (!read_only && is_in_use(path))
		return err_say(
			err, EBUSY,
			"device '%s': '%s' is in use on the host, and two kernels that write to it would destroy it",
			device->path, path);
	fd = open_node(path, &read_only);
	if (fd < 0)
		return err_set(err, fd, "device '%s': open '%s'", device->path, path);
	if (ioctl(fd, BLKGETSIZE64, &bytes) < 0 || bytes == 0)
		return err_say(err, ENOMEDIUM, "device '%s': '%s' is empty", device->path, path);
	*ret = (struct rootfs){ .fd = take_fd(&fd), .is_device = true, .read_only = read_only, .fstype = "" };
	return 0;
}

/* --- what the specification says --------------------------------------------------------------------------------- */

static bool matches(const struct oci_device_rule *rule, const struct oci_device *device)
{
	return (rule->type == 'a' || rule->type == device->type) &&
	       (rule->major == -1 || rule->major == device->major) &&
	       (rule->minor == -1 || rule->minor == device->minor);
}

/* The last rule that is about it counts, if it allows anything at all: the device itself was asked for. */
static bool is_read_only(const struct oci_resources *r, const struct oci_device *device)
{
	bool read_only = false;

	for (size_t i = 0; r && i < r->n_devices; i++)
		if (r->devices[i].allow && matches(&r->devices[i], device))
			read_only = !strchr(r->devices[i].access, 'w');
	return read_only;
}

static bool has_everything(const struct oci_resources *r)
{
	const struct oci_device any = { .type = 'a', .major = -1, .minor = -1 };

	for (size_t i = 0; r && i < r->n_devices; i++)
		if (r->devices[i].allow && r->devices[i].type == 'a' && matches(&r->devices[i], &any) &&
		    strchr(r->devices[i].access, 'w'))
			return true;
	return false;
}

/* 1 = it is a disk of the container now, 0 = it does without. */
static int take(struct arena *arena, const struct disk_policy *policy, const struct wish *w, bool may_lack,
                struct list *disks, struct err *err)
{
	struct err why = ERR_INIT;
	struct rootfs source;
	struct disk *disk;
	int r;

	if (policy->is_forbidden)
		return may_lack ? 0
		                : err_say(err, EPERM,
		                          "create container '%s': device '%s': disable_block_device_use forbids it",
		                          policy->id, w->device->path);
	r = open_device(arena, w, &source, &why);
	if (r < 0 && may_lack) {
		log_info("sandbox", "Create container '%s': %s, going on without", policy->id, err_text(&why));
		return 0;
	}
	if (r < 0)
		return err_say(err, why.num, "create container '%s': %s", policy->id, err_text(&why));
	disk = disk_add(disks, w->device->path);
	if (!disk) {
		(void)fd_close(source.fd);
		return err_set(err, ENOMEM, "create container '%s': device '%s'", policy->id, w->device->path);
	}
	disk->source = source;
	return 1;
}

static bool has_option(const struct oci_mount *m, const char *name)
{
	for (size_t i = 0; i < m->options.n; i++)
		if (strcmp(m->options.v[i], name) == 0)
			return true;
	return false;
}

static int take_mount(struct arena *arena, struct oci_spec *spec, const struct disk_policy *policy,
                      const struct oci_mount *m, const struct stat *st, struct list *disks, struct err *err)
{
	struct oci_device *device = &spec->linux->devices[spec->linux->n_devices];
	const struct wish w = { device, m->source, has_option(m, "ro") };

	*device = (struct oci_device){ .path = m->destination,
		                       .type = 'b',
		                       .major = major(st->st_rdev),
		                       .minor = minor(st->st_rdev),
		                       .has_mode = true,
		                       .mode = st->st_mode & 0777,
		                       .uid = st->st_uid,
		                       .gid = st->st_gid };
	spec->linux->n_devices++;
	return take(arena, policy, &w, false, disks, err);
}

/* A bind mount of a disk is one more device; one of another node is the guest's node of that name. */
static int take_mounts(struct arena *arena, struct oci_spec *spec, const struct disk_policy *policy, struct list *disks,
                       bool *is_guests, struct err *err)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < spec->n_mounts; i++) {
		const struct oci_mount m = spec->mounts[i];
		struct stat st = { .st_mode = 0 };
		bool is_there = guestspec_is_bind(&m) && m.source && m.source[0] == '/' &&
		                sys_fstatat(AT_FDCWD, m.source, &st, 0) == 0;

		if (is_there && S_ISBLK(st.st_mode)) {
			r = take_mount(arena, spec, policy, &m, &st, disks, err);
			continue;
		}
		is_guests[n] = is_there && S_ISCHR(st.st_mode);
		spec->mounts[n++] = m;
	}
	spec->n_mounts = n;
	return r < 0 ? r : 0;
}

static int take_listed(struct arena *arena, struct oci_spec *spec, const struct disk_policy *policy, struct list *disks,
                       struct err *err)
{
	struct oci_linux *lin = spec->linux;
	bool may_lack = has_everything(lin->resources);
	size_t n = 0;
	int r = 1;

	for (size_t i = 0; r >= 0 && i < lin->n_devices; i++) {
		const struct oci_device device = lin->devices[i];
		const struct wish w = { &device, device.path, is_read_only(lin->resources, &device) };

		r = device.type == 'b' ? take(arena, policy, &w, may_lack, disks, err) : 1;
		if (r > 0)
			lin->devices[n++] = device;
	}
	lin->n_devices = n;
	return r < 0 ? r : 0;
}

int disk_take_devices(struct arena *arena, struct oci_spec *spec, const struct disk_policy *policy, struct list *disks,
                      bool **ret_is_guests, struct err *err)
{
	struct oci_linux *lin = spec->linux;
	struct oci_device *devices = arena_array(arena, lin->n_devices + spec->n_mounts + 1, sizeof(*devices));
	bool *is_guests = arena_array(arena, spec->n_mounts + 1, sizeof(*is_guests));
	int r;

	if (!devices || !is_guests)
		return err_set(err, ENOMEM, "create container '%s'", policy->id);
	if (lin->n_devices > 0)
		memcpy(devices, lin->devices, lin->n_devices * sizeof(*devices));
	lin->devices = devices;
	r = take_listed(arena, spec, policy, disks, err);
	if (r == 0)
		r = take_mounts(arena, spec, policy, disks, is_guests, err);
	if (r == 0)
		*ret_is_guests = is_guests;
	return r;
}

/* --- directories where there is no share ------------------------------------------------------------------------- */

static bool is_directory(const char *bundle, const char *source, char **ret)
{
	_autofree_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s%s%s", source[0] == '/' ? "" : bundle, source[0] == '/' ? "" : "/", source) < 0) {
		path = NULL;
		return false;
	}
	if (sys_fstatat(AT_FDCWD, path, &st, 0) < 0 || !S_ISDIR(st.st_mode))
		return false;
	*ret = take_ptr(&path);
	return true;
}

static int take_directory(struct arena *arena, struct oci_mount *m, const char *id, size_t number, char *dir,
                          struct list *disks)
{
	struct disk *disk = disk_add(disks, m->destination);

	if (!disk) {
		free(dir);
		return -ENOMEM;
	}
	disk->dir = dir;
	disk->dir_read_only = true;
	if (asprintf(&disk->mount, "%s/%s/volumes/%zu", GUEST_ROOTS, id, number) < 0)
		disk->mount = NULL;
	m->source = disk->mount ? arena_strdup(arena, disk->mount) : NULL;
	return m->source ? 0 : -ENOMEM;
}

int disk_take_directories(struct arena *arena, struct oci_spec *spec, const struct disk_policy *policy,
                          const char *bundle, struct list *disks, bool *is_guests, struct err *err)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		struct oci_mount *m = &spec->mounts[i];
		char *dir = NULL;

		/* Files are copied; the guest has a /dev/shm of its own. */
		if (is_guests[i] || !guestspec_is_bind(m) || !m->source || strcmp(m->destination, "/dev/shm") == 0 ||
		    !is_directory(bundle, m->source, &dir))
			continue;
		if (!has_option(m, "ro") && !has_option(m, "rro")) {
			free(dir);
			return err_say(
				err, EOPNOTSUPP,
				"create container '%s': mount '%s' of the directory '%s': without a share "
				"(shared_fs = \"none\") nothing could be written to it: mount it read-only, or set "
				"shared_fs = \"virtio-fs\"",
				policy->id, m->destination, m->source);
		}
		if (take_directory(arena, m, policy->id, i, dir, disks) < 0)
			return err_set(err, ENOMEM, "create container '%s': mount '%s'", policy->id, m->destination);
		is_guests[i] = true;
	}
	return 0;
}
