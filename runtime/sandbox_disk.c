/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "proto/agent.pb-c.h"
#include "runtime/sandbox_create.h"

/* Also one that is yet to be packed is a disk of the container; that of the first is there before the VM is. */
int sandbox_find_root(struct container *c, const struct oci_spec *spec, bool *ret_is_disk, struct err *err)
{
	struct sandbox *sb = c->sandbox;
	const char *root = spec->root_path;
	struct rootfs found = { .fd = -EBADF };
	_autofree_ char *path = NULL;
	struct disk *disk;
	bool read_only;
	int r;

	if (asprintf(&path, "%s%s%s", root[0] == '/' ? "" : c->bundle, root[0] == '/' ? "" : "/", root) < 0)
		return err_set(err, ENOMEM, "create container '%s'", c->id);
	r = rootfs_find_device(path, spec->root_readonly, &found, err);
	if (r == 1 && sb->config.hypervisor.disable_block_device_use) {
		found.fd = fd_close(found.fd);
		r = 0;
	}
	*ret_is_disk = r == 1 || (r == 0 && strcmp(sb->config.hypervisor.shared_fs, "none") == 0);
	if (r < 0 || !*ret_is_disk)
		return r;
	read_only = spec->root_readonly && rootfs_has_mount_points(path, spec);
	if (!sb->is_booted) {
		if (r == 0)
			r = rootfs_pack(path, read_only, &found, err);
		if (r >= 0)
			sb->root_disk = found;
		return r < 0 ? r : 0;
	}
	disk = disk_add(&c->disks, NULL);
	if (!disk) {
		(void)fd_close(found.fd);
		return err_set(err, ENOMEM, "create container '%s'", c->id);
	}
	disk->source = found;
	if (r == 0) {
		disk->dir = take_ptr(&path);
		disk->dir_read_only = read_only;
	}
	return 0;
}

struct disk *sandbox_disk_to_pack(struct container *c)
{
	list_foreach(d, &c->disks, struct disk, link) {
		if (d->dir && d->slot < 0 && d->source.fd < 0)
			return d;
	}
	return NULL;
}

struct disk *sandbox_unplugged_disk(struct container *c)
{
	list_foreach(d, &c->disks, struct disk, link) {
		if (d->slot < 0)
			return d;
	}
	return NULL;
}

/* --- taking them out --------------------------------------------------------------------------------------------- */

static void unplug_next(struct container *c);

static void on_unplugged(void *arg, int slot, const struct err *err)
{
	struct container *c = arg;
	struct disk *d = list_first(&c->disks, struct disk, link);

	(void)slot;
	if (err)
		log_error("sandbox", "Container '%s': take out the disk of '%s': %s, ignoring", c->id,
		          d->path ? d->path : "/", err_text(err));
	(void)disk_free(d);
	unplug_next(c);
}

static void unplug_next(struct container *c)
{
	struct sandbox *sb = c->sandbox;

	while (!list_is_empty(&c->disks)) {
		struct disk *d = list_first(&c->disks, struct disk, link);
		bool is_in = d->slot >= 0 && hypervisor_is_running(sb->vm);
		int r = is_in ? hypervisor_unplug(sb->vm, d->slot, on_unplugged, c) : 0;

		if (is_in && r == 0)
			return;
		if (r < 0)
			log_error("sandbox", "Container '%s': take out the disk of '%s': %s, ignoring", c->id,
			          d->path ? d->path : "/", strerror(-r));
		(void)disk_free(d);
	}
	c->unplugged(c);
}

void sandbox_unplug(struct container *c, void (*fn)(struct container *c))
{
	c->unplugged = fn;
	unplug_next(c);
}

/* --- telling the agent ------------------------------------------------------------------------------------------- */

/* Where the agent finds the root: one that was there at boot has its place on the root bus, or its turn. */
static int name_root(struct container *c, struct arena *arena, const struct disk *plugged, Grpc__Storage *s)
{
	const struct vm_spec vm = { .config = &c->sandbox->config.hypervisor };
	const char *driver = NULL, *source = NULL;
	int r = plugged ? hypervisor_name_plugged(c->sandbox->vm, plugged->slot, arena, &driver, &source)
	                : hypervisor_name_disk(&vm, arena, &driver, &source);

	s->driver = (char *)driver;
	s->source = (char *)source;
	return r;
}

/* One that the guest mounts, without a name yet; NULL when memory is out. */
static Grpc__Storage *tell_mount(struct arena *arena, const struct rootfs *source, char *where,
                                 Grpc__CreateContainerRequest *request)
{
	Grpc__Storage *s = arena_alloc(arena, sizeof(*s));
	char **options = arena_array(arena, 1, sizeof(*options));

	if (!s || !options)
		return NULL;
	grpc__storage__init(s);
	options[0] = (char *)(source->read_only ? "ro" : "rw");
	s->options = options;
	s->n_options = 1;
	s->fstype = (char *)source->fstype;
	s->mount_point = where;
	request->storages[request->n_storages++] = s;
	return s;
}

static int tell_root(struct container *c, struct arena *arena, const struct oci_spec *spec, const struct disk *plugged,
                     Grpc__CreateContainerRequest *request)
{
	const struct rootfs *root = plugged ? &plugged->source : &c->sandbox->root_disk;
	Grpc__Storage *s = tell_mount(arena, root, spec->root_path, request);

	return s ? name_root(c, arena, plugged, s) : -ENOMEM;
}

/* The agent gives the specification's device the numbers that the disk has in the guest. */
static int tell_device(struct container *c, struct arena *arena, const struct disk *d,
                       Grpc__CreateContainerRequest *request)
{
	Grpc__Device *device = arena_alloc(arena, sizeof(*device));
	const char *type = NULL, *id = NULL;
	int r = device ? hypervisor_name_plugged(c->sandbox->vm, d->slot, arena, &type, &id) : -ENOMEM;

	if (r < 0)
		return r;
	grpc__device__init(device);
	device->type = (char *)type;
	device->id = (char *)id;
	device->container_path = d->path;
	request->devices[request->n_devices++] = device;
	return 0;
}

/* The container binds what the guest has mounted. */
static int tell_volume(struct container *c, struct arena *arena, const struct disk *d,
                       Grpc__CreateContainerRequest *request)
{
	Grpc__Storage *s = tell_mount(arena, &d->source, d->mount, request);
	const char *driver = NULL, *source = NULL;
	int r = s ? hypervisor_name_plugged(c->sandbox->vm, d->slot, arena, &driver, &source) : -ENOMEM;

	if (r < 0)
		return r;
	s->driver = (char *)driver;
	s->source = (char *)source;
	return 0;
}

int sandbox_tell_storages(struct container *c, struct arena *arena, const struct oci_spec *spec, bool is_root_disk,
                          Grpc__CreateContainerRequest *request, struct err *err)
{
	const struct disk *root = NULL;
	size_t n_disks = 0, n_volumes = 0;
	int r = 0;

	list_foreach(d, &c->disks, struct disk, link)
		n_disks++;
	list_foreach(v, &c->volumes, struct ephemeral, link)
		n_volumes++;
	request->devices = arena_array(arena, n_disks + 1, sizeof(*request->devices));
	request->storages = arena_array(arena, n_volumes + n_disks + 1, sizeof(*request->storages));
	if (!request->devices || !request->storages)
		r = -ENOMEM;
	list_foreach(d, &c->disks, struct disk, link) {
		if (!d->path)
			root = d;
		else if (r == 0)
			r = d->mount ? tell_volume(c, arena, d, request) : tell_device(c, arena, d, request);
	}
	if (r == 0 && is_root_disk)
		r = tell_root(c, arena, spec, root, request);
	if (r == 0)
		r = ephemeral_tell(arena, &c->volumes, c->sandbox->resize.now.memory_mib, false, request->storages,
		                   &request->n_storages);
	return r < 0 ? err_set(err, -r, "create container '%s'", c->id) : 0;
}
