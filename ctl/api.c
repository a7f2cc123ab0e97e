/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/api.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "ctl/line.h"
#include "ctl/spec.h"
#include "lib/fd.h"
#include "proto/agent.pb-c.h"
#include "proto/pboci.h"

/* Takes a member out of the object; the caller puts it. */
static struct json_object *take_member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_object_get_ex(object, name, &value)) {
		value = json_object_get(value);
		json_object_object_del(object, name);
	}
	return value;
}

static int prepare_container(struct api_call *call, struct err *err)
{
	struct json_object *id = take_member(call->json, "id");

	if (json_object_object_get_ex(call->json, "image", NULL)) {
		(void)json_object_put(id);
		return err_say(err, EINVAL, "images are not pulled here: unpack a bundle and give --bundle-dir");
	}
	if (!id || json_object_object_add(call->json, "container_id", id) == 0)
		return 0;
	(void)json_object_put(id);
	return err_set(err, ENOMEM, "make a request");
}

/* The specification that the user named, or the bundle's, of which `what` is wanted; NULL if there need be none. */
static int load_spec(struct api_call *call, const char *what, struct oci_spec **ret, struct err *err)
{
	const char *given = values_get(call->values, "spec");
	struct spec_options o = { .id = "", .config = given ? line_path(given) : NULL };

	*ret = NULL;
	if (!given && call->auto_values)
		o.bundle = call->bundle_dir;
	if (o.config || o.bundle)
		return spec_build(&o, call->arena, ret, err);
	return call->auto_values ? err_say(err, EINVAL, "no %s: give --bundle-dir or spec=file:///PATH", what) : 0;
}

static int finish_container(struct api_call *call, struct err *err)
{
	Grpc__CreateContainerRequest *request = (Grpc__CreateContainerRequest *)call->message;
	struct oci_spec *spec;
	int r;

	if (request->oci)
		return 0;
	r = load_spec(call, "container", &spec, err);
	return r < 0 || !spec ? r : pboci_spec_to_pb(call->arena, spec, &request->oci, err);
}

static int finish_process(struct api_call *call, struct err *err)
{
	Grpc__ExecProcessRequest *request = (Grpc__ExecProcessRequest *)call->message;
	struct oci_spec *spec;
	int r;

	if (request->process)
		return 0;
	r = load_spec(call, "process", &spec, err);
	return r < 0 || !spec ? r : pboci_process_to_pb(call->arena, spec->process, &request->process, err);
}

static int prepare_policy(struct api_call *call, struct err *err)
{
	struct json_object *member = take_member(call->json, "policy_file"), *text;
	_autofree_ char *path = member ? strdup(json_object_get_string(member)) : NULL, *policy = NULL;
	const char *given = path ? path : values_get(call->values, "policy_file");
	size_t len;
	int r;

	(void)json_object_put(member);
	if (!given)
		return 0;
	r = fd_read_file_at(AT_FDCWD, line_path(given), CTL_PAYLOAD_MAX, &policy, &len);
	if (r < 0)
		return err_set(err, -r, "read '%s'", line_path(given));
	text = json_object_new_string(policy);
	if (text && json_object_object_add(call->json, "policy", text) == 0)
		return 0;
	(void)json_object_put(text);
	return err_set(err, ENOMEM, "read '%s'", given);
}

/* clang-format off */
static const struct api_command commands[] = {
	{ "AddARPNeighbors", NULL, "Add neighbours to the guest's ARP tables (json)", NULL, NULL, NULL },
	{ "AddSwap", NULL, "Swap to a block device: PCIPath=N[,N]", NULL, NULL, NULL },
	{ "AddSwapPath", NULL, "Swap to a path: path=", NULL, NULL, NULL },
	{ "Check", NULL, "Ask the agent whether it serves", NULL, NULL, NULL },
	{ "CloseStdin", NULL, "End a process's input: cid= exec_id=", NULL, NULL, NULL },
	{ "CopyFile", NULL, "Copy a file, directory or symlink to the guest: src= dest=", NULL, NULL, copyfile_run },
	{ "CreateContainer", NULL, "Make a container from --bundle-dir or spec=file:///PATH: cid=", prepare_container, finish_container, NULL },
	{ "CreateSandbox", NULL, "Begin the sandbox: sid= hostname=", NULL, NULL, NULL },
	{ "DestroySandbox", NULL, "End the sandbox, and this program", NULL, NULL, NULL },
	{ "ExecProcess", NULL, "Start a process, from --bundle-dir or spec=file:///PATH: cid= exec_id=", NULL, finish_process, NULL },
	{ "GetDiagnosticData", NULL, "Ask for data about a container: log_type= cid=", NULL, NULL, NULL },
	{ "GetGuestDetails", NULL, "Tell what the guest and its agent can do", NULL, NULL, NULL },
	{ "GetIptables", "GetIPTables", "Print the guest's iptables: is_ipv6=", NULL, NULL, NULL },
	{ "GetMetrics", NULL, "Print the agent's metrics", NULL, NULL, NULL },
	{ "GetOOMEvent", NULL, "Wait until a container runs out of memory", NULL, NULL, NULL },
	{ "GetVolumeStats", NULL, "How full a volume is: volume_guest_path=", NULL, NULL, NULL },
	{ "ListInterfaces", NULL, "Print the guest's network interfaces", NULL, NULL, NULL },
	{ "ListRoutes", NULL, "Print the guest's routes", NULL, NULL, NULL },
	{ "MemAgentCompactSet", NULL, "Set up the memory agent's compaction (json)", NULL, NULL, NULL },
	{ "MemAgentMemcgSet", NULL, "Set up the memory agent's cgroup part (json)", NULL, NULL, NULL },
	{ "MemHotplugByProbe", NULL, "Probe plugged memory: memHotplugProbeAddr=HEX[,HEX]", NULL, NULL, NULL },
	{ "OnlineCPUMem", NULL, "Use plugged CPUs and memory: wait= nb_cpus= cpu_only=", NULL, NULL, NULL },
	{ "PauseContainer", NULL, "Freeze a container: cid=", NULL, NULL, NULL },
	{ "ReadStderr", NULL, "Read a process's errors: cid= exec_id= len=", NULL, NULL, NULL },
	{ "ReadStdout", NULL, "Read a process's output: cid= exec_id= len=", NULL, NULL, NULL },
	{ "RemoveContainer", NULL, "Remove a container: cid= timeout=", NULL, NULL, NULL },
	{ "RemoveStaleVirtiofsShareMounts", NULL, "Make the share drop what is stale", NULL, NULL, NULL },
	{ "ReseedRandomDev", NULL, "Feed the guest's random numbers: data=", NULL, NULL, NULL },
	{ "ResizeVolume", NULL, "Resize a volume: volume_guest_path= size=", NULL, NULL, NULL },
	{ "ResumeContainer", NULL, "Thaw a container: cid=", NULL, NULL, NULL },
	{ "SetGuestDateTime", NULL, "Set the guest's clock (to ours): sec= usec=", NULL, NULL, NULL },
	{ "SetIptables", "SetIPTables", "Replace the guest's iptables: is_ipv6= data=", NULL, NULL, NULL },
	{ "SetPolicy", NULL, "Give the agent a policy: policy_file=", prepare_policy, NULL, NULL },
	{ "SignalProcess", NULL, "Signal a process: cid= exec_id= signal=NAME or number (KILL)", NULL, NULL, NULL },
	{ "StartContainer", NULL, "Start a container: cid=", NULL, NULL, NULL },
	{ "StatsContainer", NULL, "Print a container's figures: cid=", NULL, NULL, NULL },
	{ "TtyWinResize", NULL, "Set a terminal's size: cid= exec_id= row= column=", NULL, NULL, NULL },
	{ "UpdateContainer", NULL, "Change a container's limits (json): cid=", NULL, NULL, NULL },
	{ "UpdateEphemeralMounts", NULL, "Resize tmpfs storages (json)", NULL, NULL, NULL },
	{ "UpdateInterface", NULL, "Configure a network interface (json)", NULL, NULL, NULL },
	{ "UpdateRoutes", NULL, "Replace the guest's routes (json)", NULL, NULL, NULL },
	{ "Version", NULL, "Print the versions of agent and protocol", NULL, NULL, NULL },
	{ "WaitProcess", NULL, "Wait for a process and print its exit status: cid= exec_id=", NULL, NULL, NULL },
	{ "WriteStdin", NULL, "Write to a process's input: cid= exec_id= data=TEXT or hex:BYTES", NULL, NULL, NULL },
};
/* clang-format on */

const struct api_command *api_at(size_t index)
{
	return index < ARRAY_SIZE(commands) ? &commands[index] : NULL;
}

/* GetIptables and GetIPTables differ in case only, so that one search finds both. */
const struct api_command *api_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcasecmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}
