/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/device/content.h"
#include "agent/device/disk.h"
#include "agent/device/vfio.h"
#include "agent/modules.h"
#include "lib/fd.h"
#include "lib/job.h"
#include "lib/sys.h"

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

/* --- the devices of a container ---------------------------------------------------------------------------------- */

#define EXTRA_MAX     32 /* nodes of InfiniBand */
#define EXTRA_DIR     "infiniband"
#define VFIO          "vfio-pci"
#define VFIO_IN_GUEST "vfio-pci-gk" /* the guest's kernel keeps the driver */

/* What devices_find works with. */
struct finder {
	struct device_host host;
	struct buf *out;
};

static bool is_vfio(const char *type)
{
	return strcmp(type, VFIO) == 0 || strcmp(type, VFIO_IN_GUEST) == 0;
}

static bool is_given(const char *text)
{
	return text && text[0];
}

/* -EOPNOTSUPP for what only an s390x has, which is no mistake of the caller. */
static int check_type(const struct device_config *c, struct err *err)
{
	bool is_ap = strcmp(c->type, "vfio-ap") == 0 || strcmp(c->type, "vfio-ap-cold") == 0;

	if (is_vfio(c->type) || device_is_disk_kind(c->type))
		return 0;
	return err_say(err, is_ap ? EOPNOTSUPP : EINVAL, "device '%s': Failed to find the device handler '%s'",
	               c->container_path, c->type);
}

static int check_device(const struct device_config *c, struct err *err)
{
	const char *path = is_given(c->container_path) ? c->container_path : "";

	if (!is_given(c->type))
		return err_say(err, EINVAL, "device '%s' has no type", path);
	if (!is_given(c->id) && !is_given(c->vm_path))
		return err_say(err, EINVAL, "device '%s' has neither id nor vm_path", path);
	if (!is_given(c->container_path))
		return err_say(err, EINVAL, "device '%s' has no container_path", is_given(c->id) ? c->id : c->vm_path);
	return check_type(c, err);
}

int devices_check(const struct device_config *configs, size_t n, struct err *err)
{
	int r = 0;

	if (n > DEVICES_MAX)
		return err_say(err, E2BIG, "more than %d devices", DEVICES_MAX);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = check_device(&configs[i], err);
	return r;
}

unsigned devices_deadline_ms(const struct device_config *configs, size_t n, unsigned timeout_ms)
{
	unsigned ms = JOB_DEADLINE_MS;

	/* One wait for a disk; one for each function, and one for the group. */
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < configs[i].options.n + 1 && ms < DEVICES_DEADLINE_MAX_MS; k++)
			ms += timeout_ms;
	return ms;
}

static int note(struct finder *f, const struct device_found *found, struct err *err)
{
	int r = buf_add(f->out, found, sizeof(*found));

	return r < 0 ? err_set(err, r, "note a device") : 0;
}

/* Disks have their number on a bus in `id`, and their path in the guest in `vm_path`; which counts depends on the type.
 */
static const char *disk_name(const struct device_config *c)
{
	bool by_path = strcmp(c->type, "nvdimm") == 0 || strcmp(c->type, "mmioblk") == 0;
	const char *first = by_path ? c->vm_path : c->id, *second = by_path ? c->id : c->vm_path;

	return is_given(first) ? first : second;
}

static int find_disk(struct finder *f, const struct device_config *c, unsigned index, struct err *err)
{
	struct device_found found = { .kind = DEVICE_FOUND_NODE, .index = index, .type = 'b' };
	struct device_disk disk;
	int r = device_wait_disk(&f->host, c->type, disk_name(c), &disk, err);

	if (r < 0)
		return r;
	found.node.major_nr = disk.major_nr;
	found.node.minor_nr = disk.minor_nr;
	return note(f, &found, err);
}

/* "0000:65:00.0=02/01": the host's address, and the path in the guest. */
static int find_function(struct finder *f, const char *option, struct device_found *found, struct err *err)
{
	const char *path = strchr(option, '=');
	char text[PCI_ADDRESS_TEXT_MAX];

	*found = (struct device_found){ .kind = DEVICE_FOUND_PCI };
	(void)snprintf(text, sizeof(text), "%.*s", path ? (int)(path - option) : 0, option);
	if (!path || (size_t)(path - option) >= sizeof(text) || pci_address_parse(text, &found->host) < 0)
		return err_say(err, EINVAL, "option '%.64s' is not DDDD:BB:SS.F=PATH", option);
	return device_wait_pci(&f->host, path + 1, &found->guest, err);
}

/* All functions of a device are in one group, or it cannot be given to anybody. */
static int find_functions(struct finder *f, const struct device_config *c, bool must_bind, unsigned *ret_group,
                          struct err *err)
{
	bool has_group = false;

	for (size_t i = 0; i < c->options.n; i++) {
		struct device_found found;
		unsigned group = 0;
		int r = find_function(f, c->options.v[i], &found, err);

		if (r >= 0 && must_bind)
			r = device_bind_vfio(&f->host, &found.guest, &group, err);
		if (r >= 0 && must_bind && has_group && group != *ret_group)
			r = err_say(err, EINVAL, "its functions are in the IOMMU groups %u and %u", *ret_group, group);
		r = r < 0 ? r : note(f, &found, err);
		if (r < 0)
			return r;
		if (must_bind)
			*ret_group = group;
		has_group = must_bind;
	}
	return c->options.n > 0 ? 0 : err_say(err, EINVAL, "it names no PCI function (options)");
}

/* A kernel that has it built in needs no module; one that lacks it is noticed when it should take the first function.
 */
static void load_vfio(void)
{
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	if (root >= 0)
		(void)modules_load(root, VFIO, NULL, NULL);
}

static int find_vfio(struct finder *f, const struct device_config *c, unsigned index, struct err *err)
{
	struct device_found found = { .kind = DEVICE_FOUND_NODE, .index = index, .type = 'c', .renames = true };
	bool must_bind = strcmp(c->type, VFIO) == 0;
	unsigned group = 0;
	int r;

	if (must_bind)
		load_vfio();
	r = find_functions(f, c, must_bind, &group, err);

	if (r < 0 || !must_bind)
		return r;
	r = device_wait_vfio_group(&f->host, group, &found.node, err);
	return r < 0 ? r : note(f, &found, err);
}

/* An InfiniBand card that the guest's kernel drives is used through nodes that the host cannot know. */
static int find_extra(struct finder *f, struct err *err)
{
	struct device_node nodes[EXTRA_MAX];
	int n = device_list_nodes(&f->host, EXTRA_DIR, nodes, EXTRA_MAX, err), r = n;

	for (int i = 0; i < n && r >= 0; i++)
		r = note(f, &(struct device_found){ .kind = DEVICE_FOUND_EXTRA, .type = 'c', .node = nodes[i] }, err);
	return r < 0 ? r : 0;
}

static int find_all(struct finder *f, const struct device_config *configs, size_t n, struct err *err)
{
	bool has_vfio = false;
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		const struct device_config *c = &configs[i];
		bool vfio = is_vfio(c->type);

		r = vfio ? find_vfio(f, c, (unsigned)i, err) : find_disk(f, c, (unsigned)i, err);
		if (r < 0) {
			(void)err_wrap(err, "device '%s' (%s)", c->container_path, c->type);
			return r;
		}
		has_vfio = has_vfio || vfio;
	}
	return has_vfio ? find_extra(f, err) : 0;
}

int devices_find(const struct device_config *configs, size_t n, unsigned timeout_ms, struct buf *ret, struct err *err)
{
	struct finder f = { .out = ret };
	int r = device_host_init(&f.host, "/sys", "/dev", timeout_ms, err);

	if (r < 0)
		return r;
	r = find_all(&f, configs, n, err);
	device_host_done(&f.host);
	return r;
}
