/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/methods.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "agent/rpc/handlers.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"

/* In the order of the .proto files, so that a service descriptor's index is an index here; tested. */
struct row {
	const char *name;
	rpc_handler handler;
};

static const struct row agent_rows[] = {
	{ "CreateContainer", rpc_create_container },
	{ "StartContainer", rpc_start_container },
	{ "RemoveContainer", rpc_remove_container },
	{ "ExecProcess", rpc_exec_process },
	{ "SignalProcess", rpc_signal_process },
	{ "WaitProcess", rpc_wait_process },
	{ "UpdateContainer", rpc_update_container },
	{ "UpdateEphemeralMounts", rpc_update_ephemeral_mounts },
	{ "StatsContainer", rpc_stats_container },
	{ "PauseContainer", rpc_pause_container },
	{ "ResumeContainer", rpc_resume_container },
	{ "RemoveStaleVirtiofsShareMounts", rpc_remove_stale_virtiofs_share_mounts },
	{ "GetDiagnosticData", rpc_get_diagnostic_data },
	{ "WriteStdin", rpc_write_stdin },
	{ "ReadStdout", rpc_read_stdout },
	{ "ReadStderr", rpc_read_stderr },
	{ "CloseStdin", rpc_close_stdin },
	{ "TtyWinResize", rpc_tty_win_resize },
	{ "UpdateInterface", rpc_update_interface },
	{ "UpdateRoutes", rpc_update_routes },
	{ "ListInterfaces", rpc_list_interfaces },
	{ "ListRoutes", rpc_list_routes },
	{ "AddARPNeighbors", rpc_add_arp_neighbors },
	{ "GetIPTables", rpc_get_iptables },
	{ "SetIPTables", rpc_set_iptables },
	{ "GetMetrics", rpc_get_metrics },
	{ "MemAgentMemcgSet", rpc_mem_agent },
	{ "MemAgentCompactSet", rpc_mem_agent },
	{ "CreateSandbox", rpc_create_sandbox },
	{ "DestroySandbox", rpc_destroy_sandbox },
	{ "OnlineCPUMem", rpc_online_cpu_mem },
	{ "ReseedRandomDev", rpc_reseed_random_dev },
	{ "GetGuestDetails", rpc_get_guest_details },
	{ "MemHotplugByProbe", rpc_mem_hotplug_by_probe },
	{ "SetGuestDateTime", rpc_set_guest_date_time },
	{ "CopyFile", rpc_copy_file },
	{ "GetOOMEvent", rpc_get_oom_event },
	{ "AddSwap", rpc_add_swap },
	{ "AddSwapPath", rpc_add_swap_path },
	{ "GetVolumeStats", rpc_get_volume_stats },
	{ "ResizeVolume", NULL },
	{ "SetPolicy", rpc_set_policy },
};

static const struct row health_rows[] = {
	{ "Check", rpc_health_check },
	{ "Version", rpc_health_version },
};

static const struct {
	const ProtobufCServiceDescriptor *descriptor;
	const struct row *rows;
	size_t n_rows;
} services[] = {
	{ &grpc__agent_service__descriptor, agent_rows, ARRAY_SIZE(agent_rows) },
	{ &grpc__health__descriptor, health_rows, ARRAY_SIZE(health_rows) },
};

const ProtobufCServiceDescriptor *rpc_find_service(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (strcmp(services[i].descriptor->name, name) == 0)
			return services[i].descriptor;
	return NULL;
}

int rpc_find_method(const ProtobufCServiceDescriptor *service, const char *name, struct rpc_method *ret)
{
	const ProtobufCMethodDescriptor *method = protobuf_c_service_descriptor_get_method_by_name(service, name);

	if (!method)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		size_t index = (size_t)(method - service->methods);

		if (services[i].descriptor != service)
			continue;
		if (index >= services[i].n_rows || strcmp(services[i].rows[index].name, name) != 0)
			return -ENOENT;
		*ret = (struct rpc_method){ service, method, services[i].rows[index].handler };
		return 0;
	}
	return -ENOENT;
}
