/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/bindmount.h"
#include "runtime/config.h"

#define MIB            (1 << 20)
#define MEMORY_MIN_MIB 256
#define MEMORY_MIB     2048
#define MEMORY_SLOTS   10
#define BRIDGES_MAX    5
#define TIMEOUT_MAX_S  86400

/* What a key may say; the list ends with NULL. */
static const struct {
	size_t offset;
	const char *name;
	const char *allowed[6];
} choices[] = {
	{ offsetof(struct config, hypervisor.accel), "hypervisor.accel", { "auto", "kvm", "tcg" } },
	{ offsetof(struct config, hypervisor.vsock_backend),
	  "hypervisor.vsock_backend",
	  { "auto", "vhost", "vhost-user" } },
	{ offsetof(struct config, hypervisor.machine_type), "hypervisor.machine_type", { "q35", "microvm", "virt" } },
	{ offsetof(struct config, hypervisor.shared_fs), "hypervisor.shared_fs", { "virtio-fs", "none" } },
	{ offsetof(struct config, hypervisor.rootfs_type), "hypervisor.rootfs_type", { "ext4", "xfs", "erofs" } },
	{ offsetof(struct config, hypervisor.block_device_driver),
	  "hypervisor.block_device_driver",
	  { "virtio-scsi", "virtio-blk" } },
	{ offsetof(struct config, hypervisor.block_device_aio),
	  "hypervisor.block_device_aio",
	  { "threads", "native", "io_uring" } },
	{ offsetof(struct config, runtime.internetworking_model),
	  "runtime.internetworking_model",
	  { "tcfilter", "macvtap", "none", "user" } },
};

struct config_host config_host_now(void)
{
	int64_t pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	int64_t cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return (struct config_host){ .cpus = cpus > 0 ? cpus : 1,
		                     .memory_mib = pages > 0 ? pages * (size / 1024) / 1024 : MEMORY_MIB };
}

static void clamp(struct config_hypervisor *h, const struct config_host *host)
{
	if (h->default_maxvcpus <= 0 || h->default_maxvcpus > host->cpus)
		h->default_maxvcpus = host->cpus;
	if (h->default_vcpus < 0 || h->default_vcpus > (double)h->default_maxvcpus)
		h->default_vcpus = (double)h->default_maxvcpus;
	if (fpclassify(h->default_vcpus) == FP_ZERO)
		h->default_vcpus = 1;
	if (h->default_memory < MEMORY_MIN_MIB)
		h->default_memory = MEMORY_MIB;
	if (h->default_maxmemory <= 0 || h->default_maxmemory > host->memory_mib)
		h->default_maxmemory = host->memory_mib;
	if (h->memory_slots <= 0)
		h->memory_slots = MEMORY_SLOTS;
	if (h->default_bridges <= 0)
		h->default_bridges = 1;
	if (h->default_bridges > BRIDGES_MAX)
		h->default_bridges = BRIDGES_MAX;
}

static int check_choice(const struct config *c, size_t i, struct err *err)
{
	const char *value = *(char *const *)((const char *)c + choices[i].offset);
	char allowed[128] = "";

	for (size_t k = 0; choices[i].allowed[k]; k++) {
		if (strcmp(choices[i].allowed[k], value) == 0)
			return 0;
		(void)snprintf(allowed + strlen(allowed), sizeof(allowed) - strlen(allowed), "%s%s", k ? ", " : "",
		               choices[i].allowed[k]);
	}
	return err_say(err, EINVAL, "%s: '%s' is none of %s", choices[i].name, value, allowed);
}

bool config_matches(const struct config_list *globs, const char *value)
{
	for (size_t i = 0; i < globs->n; i++)
		if (fnmatch(globs->v[i], value, FNM_PATHNAME) == 0)
			return true;
	return false;
}

/* What stands in the configuration itself needs no glob; one that is given must fit it all the same. */
static int check_globs(const struct config_hypervisor *h, struct err *err)
{
	const struct {
		const char *name, *value;
		const struct config_list *globs;
	} rules[] = {
		{ "path", h->path, &h->valid_hypervisor_paths },
		{ "virtio_fs_daemon", h->virtio_fs_daemon, &h->valid_virtio_fs_daemon_paths },
		{ "entropy_source", h->entropy_source, &h->valid_entropy_sources },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (*rules[i].value && rules[i].globs->n > 0 && !config_matches(rules[i].globs, rules[i].value))
			return err_say(err, EPERM, "hypervisor.%s: '%s' matches none of its valid paths", rules[i].name,
			               rules[i].value);
	return 0;
}

/* QEMU's options end at commas: a path with one would begin an option of its own. */
static int check_commas(const struct config_hypervisor *h, struct err *err)
{
	const struct {
		const char *name, *value;
	} rules[] = {
		{ "image", h->image },
		{ "entropy_source", h->entropy_source },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (strchr(rules[i].value, ','))
			return err_say(err, EINVAL, "hypervisor.%s: '%s' has a comma", rules[i].name, rules[i].value);
	return 0;
}

/* Seconds before the beginning, or more than the milliseconds of an unsigned can tell. */
static int check_times(const struct config *c, struct err *err)
{
	const struct {
		const char *name;
		int64_t value;
	} rules[] = {
		{ "agent.dial_timeout", c->agent.dial_timeout },
		{ "runtime.create_container_timeout", c->runtime.create_container_timeout },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].value < 0 || rules[i].value > TIMEOUT_MAX_S)
			return err_say(err, EINVAL, "%s: %" PRId64 " is not between 0 and %d seconds", rules[i].name,
			               rules[i].value, TIMEOUT_MAX_S);
	return 0;
}

static int check_bind_mounts(const struct config *c, struct err *err)
{
	const struct config_list *mounts = &c->runtime.sandbox_bind_mounts;

	if (mounts->n > 0 && strcmp(c->hypervisor.shared_fs, "none") == 0)
		return err_say(err, EINVAL, "runtime.sandbox_bind_mounts: needs a share, but shared_fs is 'none'");
	return bindmount_check(mounts->v, mounts->n, err);
}

int config_check(struct config *c, const struct config_host *host, struct err *err)
{
	const struct config_hypervisor *h = &c->hypervisor;
	int rc = 0;

	clamp(&c->hypervisor, host);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(choices); i++)
		rc = check_choice(c, i, err);
	if (rc == 0 && !*h->kernel)
		return err_say(err, EINVAL, "hypervisor.kernel: not given");
	if (rc == 0 && *h->image && *h->initrd)
		return err_say(err, EINVAL, "hypervisor.image and hypervisor.initrd: only one of them can be given");
	if (rc == 0 && !*h->image && !*h->initrd)
		return err_say(err, EINVAL, "hypervisor.image or hypervisor.initrd: one of them must be given");
	if (rc == 0 && c->runtime.disable_new_netns && strcmp(c->runtime.internetworking_model, "none") != 0)
		return err_say(err, EINVAL, "runtime.disable_new_netns: needs internetworking_model 'none'");
	if (rc == 0)
		rc = check_globs(h, err);
	if (rc == 0)
		rc = check_commas(h, err);
	if (rc == 0)
		rc = check_times(c, err);
	return rc < 0 ? rc : check_bind_mounts(c, err);
}

static int check_file(const char *key, const char *path, bool program, struct stat *st, struct err *err)
{
	if (stat(path, st) < 0)
		return err_set(err, errno, "hypervisor.%s: '%s'", key, path);
	if (S_ISDIR(st->st_mode))
		return err_set(err, EISDIR, "hypervisor.%s: '%s'", key, path);
	return access(path, program ? X_OK : R_OK) < 0 ? err_set(err, errno, "hypervisor.%s: '%s'", key, path) : 0;
}

int config_check_files(const struct config *c, struct err *err)
{
	const struct config_hypervisor *h = &c->hypervisor;
	const char *root = *h->initrd ? h->initrd : h->image;
	struct stat st, boot;
	int rc = check_file("path", h->path, true, &st, err);

	if (rc == 0)
		rc = check_file("kernel", h->kernel, false, &st, err);
	if (rc == 0)
		rc = check_file(*h->initrd ? "initrd" : "image", root, false, &st, err);
	if (rc == 0 && *h->boot_initrd)
		rc = check_file("boot_initrd", h->boot_initrd, false, &boot, err);
	if (rc == 0 && *h->virtio_fs_daemon && strcmp(h->shared_fs, "none") != 0)
		rc = check_file("virtio_fs_daemon", h->virtio_fs_daemon, true, &boot, err);
	if (rc == 0 && *h->initrd && st.st_size / MIB >= h->default_memory)
		return err_say(err, EINVAL, "hypervisor.initrd: '%s' has %jd MiB, the guest %" PRId64, root,
		               (intmax_t)st.st_size / MIB, h->default_memory);
	return rc;
}
