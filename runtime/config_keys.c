/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/config_keys.h"

#include <string.h>

#include "lib/mem.h"

#define HYPERVISOR(name, type, fallback)                                                                               \
	{                                                                                                              \
		"hypervisor", #name, CONFIG_##type, offsetof(struct config, hypervisor.name), fallback                 \
	}
#define AGENT(name, type, fallback)                                                                                    \
	{                                                                                                              \
		"agent", #name, CONFIG_##type, offsetof(struct config, agent.name), fallback                           \
	}
#define RUNTIME(name, type, fallback)                                                                                  \
	{                                                                                                              \
		"runtime", #name, CONFIG_##type, offsetof(struct config, runtime.name), fallback                       \
	}

const struct config_key config_keys[] = {
	HYPERVISOR(path, STRING, "/usr/bin/qemu-system-x86_64"),
	HYPERVISOR(kernel, STRING, NULL),
	HYPERVISOR(initrd, STRING, NULL),
	HYPERVISOR(image, STRING, NULL),
	HYPERVISOR(boot_initrd, STRING, NULL),
	HYPERVISOR(rootfs_type, STRING, "ext4"),
	HYPERVISOR(firmware, STRING, NULL),
	HYPERVISOR(machine_type, STRING, "q35"),
	HYPERVISOR(machine_accelerators, STRING, NULL),
	HYPERVISOR(cpu_features, STRING, "pmu=off"),
	HYPERVISOR(cpu_model, STRING, NULL),
	HYPERVISOR(kernel_params, STRING, NULL),
	HYPERVISOR(accel, STRING, "auto"),
	HYPERVISOR(vsock_backend, STRING, "auto"),
	HYPERVISOR(vhost_user_vsock_daemon, STRING, NULL),
	HYPERVISOR(default_vcpus, NUMBER, "1"),
	HYPERVISOR(default_maxvcpus, INTEGER, NULL),
	HYPERVISOR(default_bridges, INTEGER, "1"),
	HYPERVISOR(default_memory, INTEGER, "2048"),
	HYPERVISOR(default_maxmemory, INTEGER, NULL),
	HYPERVISOR(memory_slots, INTEGER, "10"),
	HYPERVISOR(enable_virtio_mem, BOOL, NULL),
	HYPERVISOR(disable_block_device_use, BOOL, NULL),
	HYPERVISOR(disable_image_nvdimm, BOOL, NULL),
	HYPERVISOR(disable_vhost_net, BOOL, NULL),
	HYPERVISOR(enable_debug, BOOL, NULL),
	HYPERVISOR(enable_iothreads, BOOL, NULL),
	HYPERVISOR(enable_hugepages, BOOL, NULL),
	HYPERVISOR(enable_mem_prealloc, BOOL, NULL),
	HYPERVISOR(disable_seccomp, BOOL, NULL),
	HYPERVISOR(shared_fs, STRING, "virtio-fs"),
	HYPERVISOR(virtio_fs_daemon, STRING, NULL),
	HYPERVISOR(virtio_fs_cache, STRING, "auto"),
	HYPERVISOR(block_device_driver, STRING, "virtio-scsi"),
	HYPERVISOR(block_device_aio, STRING, "threads"),
	HYPERVISOR(entropy_source, STRING, "/dev/urandom"),
	HYPERVISOR(guest_hook_path, STRING, NULL),
	HYPERVISOR(seccompsandbox, STRING, "on,obsolete=deny,elevateprivileges=deny,resourcecontrol=deny"),
	HYPERVISOR(virtio_fs_extra_args, LIST, NULL),
	HYPERVISOR(enable_annotations, LIST, NULL),
	HYPERVISOR(valid_hypervisor_paths, LIST, NULL),
	HYPERVISOR(valid_virtio_fs_daemon_paths, LIST, NULL),
	HYPERVISOR(valid_entropy_sources, LIST, NULL),
	AGENT(enable_debug, BOOL, NULL),
	AGENT(debug_console_enabled, BOOL, NULL),
	AGENT(dial_timeout, INTEGER, NULL),
	AGENT(kernel_modules, LIST, NULL),
	RUNTIME(enable_debug, BOOL, NULL),
	RUNTIME(disable_guest_seccomp, BOOL, "true"),
	RUNTIME(disable_new_netns, BOOL, NULL),
	RUNTIME(sandbox_cgroup_only, BOOL, NULL),
	RUNTIME(static_sandbox_resource_mgmt, BOOL, NULL),
	RUNTIME(enable_vcpus_pinning, BOOL, NULL),
	RUNTIME(internetworking_model, STRING, "tcfilter"),
	RUNTIME(create_container_timeout, INTEGER, NULL),
	RUNTIME(sandbox_bind_mounts, LIST, NULL),
};
const size_t config_keys_count = ARRAY_SIZE(config_keys);

/* Upstream has them; here they do nothing. */
static const struct {
	const char *section, *names;
} unused[] = {
	{ "hypervisor",
	  "jailer_path firmware_volume kernel_verity_params valid_jailer_paths rootless memory_offset "
	  "virtio_fs_cache_size virtio_fs_queue_size block_device_cache_set block_device_cache_direct "
	  "block_device_cache_noflush block_device_logical_sector_size block_device_physical_sector_size "
	  "indep_iothreads reclaim_guest_freed_memory enable_vhost_user_store vhost_user_store_path "
	  "valid_vhost_user_store_paths vhost_user_reconnect_timeout_sec enable_iommu enable_iommu_platform "
	  "enable_numa numa_mapping pflashes hypervisor_loglevel extra_monitor_socket "
	  "disable_nesting_checks msize_9p hot_plug_vfio cold_plug_vfio pcie_root_port pcie_switch_port "
	  "guest_memory_dump_path guest_memory_dump_paging rx_rate_limiter_max_rate "
	  "tx_rate_limiter_max_rate disk_rate_limiter_bw_max_rate disk_rate_limiter_bw_one_time_burst "
	  "disk_rate_limiter_ops_max_rate disk_rate_limiter_ops_one_time_burst net_rate_limiter_bw_max_rate "
	  "net_rate_limiter_bw_one_time_burst net_rate_limiter_ops_max_rate "
	  "net_rate_limiter_ops_one_time_burst enable_guest_swap use_legacy_serial disable_selinux "
	  "disable_guest_selinux confidential_guest sev_snp_guest snp_id_block snp_id_auth snp_guest_policy "
	  "measurement_algo tdx_quote_generation_service_socket_port remote_hypervisor_socket "
	  "remote_hypervisor_timeout guest_extension_images factory network_queues num_queues queue_size "
	  "overhead_memory overhead_vcpus seccomp_sandbox vm_rootfs_driver hugepage_type guest_swap_path "
	  "guest_swap_size_percent guest_swap_create_threshold_secs disable_nested_virtualization " },
	{ "agent", "enable_tracing cdh_api_timeout launch_process_timeout visible_cdi_devices log_level server_port "
	           "log_port passfd_listener_port dial_timeout_ms reconnect_timeout_ms create_container_timeout "
	           "health_check_request_timeout_ms cdh_api_timeout_ms container_pipe_size mem_agent " },
	{ "runtime", "guest_selinux_label enable_tracing jaeger_endpoint jaeger_user jaeger_password vfio_mode "
	             "disable_guest_empty_dir emptydir_mode experimental enable_pprof dan_conf "
	             "experimental_force_guest_pull kubelet_root_dir "
	             "pod_resource_api_sock name hypervisor_name agent_name log_level keep_abnormal shared_mounts "
	             "use_passfd_io passfd_listener_port " },
};

const struct config_key *config_key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < config_keys_count; i++)
		if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return NULL;
}

/* True if the word is one of the list's, which ends with a blank. */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p; p = strchr(p, ' ') + 1)
		if (strncmp(p, word, n) == 0 && p[n] == ' ')
			return true;
	return false;
}

bool config_is_unused(const char *section, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(unused); i++)
		if (strcmp(unused[i].section, section) == 0)
			return has_word(unused[i].names, name);
	return false;
}
