/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's configuration as one plain struct: what a TOML file says, completed by defaults, clamped and checked.
 * It is read by a verb and travels to the supervisor as JSON; both forms follow the table in config_keys.c. Keys that
 * upstream knows and that do nothing here are accepted and listed.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"

struct config_list {
	char **v; /* n strings and a NULL */
	size_t n;
};

/* [hypervisor.qemu] */
struct config_hypervisor {
	char *path, *kernel, *initrd, *image, *boot_initrd, *rootfs_type, *firmware, *machine_type,
		*machine_accelerators, *cpu_features;
	char *cpu_model, *kernel_params, *accel, *vsock_backend, *vhost_user_vsock_daemon;
	double default_vcpus;
	int64_t default_maxvcpus, default_bridges, default_memory, default_maxmemory, memory_slots; /* MiB */
	bool enable_virtio_mem, disable_block_device_use, disable_image_nvdimm, disable_vhost_net, enable_debug;
	bool enable_iothreads, enable_hugepages, enable_mem_prealloc, disable_seccomp;
	char *shared_fs, *virtio_fs_daemon, *virtio_fs_cache, *block_device_driver, *block_device_aio, *entropy_source;
	char *guest_hook_path;
	char *seccompsandbox;
	struct config_list virtio_fs_extra_args, enable_annotations;
	struct config_list valid_hypervisor_paths, valid_virtio_fs_daemon_paths, valid_entropy_sources;
};

/* [agent.kata] */
struct config_agent {
	bool enable_debug, debug_console_enabled;
	int64_t dial_timeout; /* seconds; 0 = runtime/hypervisor/patience.h */
	struct config_list kernel_modules;
};

/* [runtime] */
struct config_runtime {
	bool enable_debug, disable_guest_seccomp, disable_new_netns, sandbox_cgroup_only, static_sandbox_resource_mgmt;
	bool enable_vcpus_pinning;
	char *internetworking_model;
	int64_t create_container_timeout; /* likewise */
	struct config_list sandbox_bind_mounts;
};

struct config {
	struct arena arena; /* of every string and list */
	struct config_hypervisor hypervisor;
	struct config_agent agent;
	struct config_runtime runtime;
	struct config_list unused;  /* "section.key" that upstream knows and that do nothing here */
	struct config_list unknown; /* "section.key" that nobody knows */
};

/* What the machine has, for defaults and clamps. */
struct config_host {
	int64_t cpus;
	int64_t memory_mib;
};

/* Frees the memory; the struct can be used again. */
void config_done(struct config *c);
#define _autoconfig_ _cleanup_(config_done)

/* Fills in the defaults, with nothing read yet. */
int config_init(struct config *c, struct err *err);

/* Takes over what a TOML tree (runtime/toml.h) says; a wrong type names the key. */
int config_read(struct config *c, struct json_object *tree, struct err *err);

/* Clamps figures to what the host can do and checks what can be checked without touching a file. */
int config_check(struct config *c, const struct config_host *host, struct err *err);

/* Checks that the programs and images exist, and that the initrd fits the memory. */
int config_check_files(const struct config *c, struct err *err);

/* True if one of the globs matches. */
bool config_matches(const struct config_list *globs, const char *value);

/* True if upstream knows the key and it does nothing here. */
bool config_is_unused(const char *section, const char *name);

/* The figures of this machine. */
struct config_host config_host_now(void);

/* The whole configuration as plain JSON by section, to be put by the caller; NULL when memory is out. */
struct json_object *config_format(const struct config *c);

/* Reads what config_format has written. */
int config_parse(struct config *c, struct json_object *json, struct err *err);

/*
 * Sets one key ("hypervisor", "default_vcpus") from text, as annotations do; -ENOENT if there is no such key. Lists are
 * separated by blanks.
 */
int config_set(struct config *c, const char *section, const char *name, const char *text, struct err *err);
