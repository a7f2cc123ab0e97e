/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/container.h"
#include "agent/device/online.h"
#include "agent/device/swap.h"
#include "agent/devices.h"
#include "agent/guestclock.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/jobcall.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "proto/agent.pb-c.h"

#define ONLINE_MIN_S    5 /* upstream's patience, which hosts count on */
#define ONLINE_MAX_S    600
#define ONLINE_MARGIN_S 10 /* for the work itself */

/* --- time and entropy -------------------------------------------------------------------------------------------- */

void rpc_set_guest_date_time(struct rpc_call *call)
{
	const Grpc__SetGuestDateTimeRequest *req = RPC_REQUEST(call, Grpc__SetGuestDateTimeRequest);
	struct err err = ERR_INIT;

	if (guest_set_time(req->sec, req->usec, &err) < 0)
		rpc_fail_err(call, RPC_INTERNAL, &err);
	else
		rpc_reply_empty(call);
}

static int run_reseed(void *arg, struct job_reply *reply, struct err *err)
{
	const ProtobufCBinaryData *data = arg;

	(void)reply;
	return guest_reseed(data->data, data->len, err);
}

void rpc_reseed_random_dev(struct rpc_call *call)
{
	const Grpc__ReseedRandomDevRequest *req = RPC_REQUEST(call, Grpc__ReseedRandomDevRequest);

	rpc_run_job(call,
	            &(struct rpc_job){ .name = "reseed", .run = run_reseed, .arg = (void *)(uintptr_t)&req->data });
}

/* --- CPUs and memory --------------------------------------------------------------------------------------------- */

struct online {
	struct device_online want;
	const struct sandbox *sandbox;
};

static int run_online(void *arg, struct job_reply *reply, struct err *err)
{
	const struct online *online = arg;
	int r = device_online(DEVICE_SYSTEM, &online->want, err);

	(void)reply;
	return r < 0 ? r : containers_follow_cpus(online->sandbox, err);
}

void rpc_online_cpu_mem(struct rpc_call *call)
{
	const Grpc__OnlineCPUMemRequest *req = RPC_REQUEST(call, Grpc__OnlineCPUMemRequest);
	const struct options *options = call->server->sandbox->options;
	struct online *online = arena_alloc(&call->arena, sizeof(*online));
	unsigned seconds = options ? options->hotplug_timeout_s : 0;

	if (!online) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for a job");
		return;
	}
	if (seconds < ONLINE_MIN_S)
		seconds = ONLINE_MIN_S;
	if (seconds > ONLINE_MAX_S)
		seconds = ONLINE_MAX_S;
	online->want = (struct device_online){ req->nb_cpus, !req->cpu_only, seconds * 1000 };
	online->sandbox = call->server->sandbox;
	rpc_run_job(call, &(struct rpc_job){ .name = "online",
	                                     .run = run_online,
	                                     .arg = online,
	                                     .deadline_ms = (seconds + ONLINE_MARGIN_S) * 1000 });
}

static int run_probe(void *arg, struct job_reply *reply, struct err *err)
{
	const Grpc__MemHotplugByProbeRequest *req = arg;

	(void)reply;
	return device_probe_memory(DEVICE_SYSTEM, DEVICE_MEMINFO, req->memhotplugprobeaddr, req->n_memhotplugprobeaddr,
	                           err);
}

void rpc_mem_hotplug_by_probe(struct rpc_call *call)
{
	/* The job only reads it. */
	void *req = (void *)(uintptr_t)call->request;

	rpc_run_job(call, &(struct rpc_job){ .name = "memory probe", .run = run_probe, .arg = req });
}

static int run_swap(void *arg, struct job_reply *reply, struct err *err)
{
	(void)reply;
	return device_add_swap(arg, err);
}

void rpc_add_swap_path(struct rpc_call *call)
{
	const Grpc__AddSwapPathRequest *req = RPC_REQUEST(call, Grpc__AddSwapPathRequest);

	rpc_run_job(call, &(struct rpc_job){ .name = "swap", .run = run_swap, .arg = req->path });
}

/* --- swap on a disk that is plugged in --------------------------------------------------------------------------- */

struct swap_disk {
	const char *path;
	unsigned timeout_ms;
};

static int run_swap_pci(void *arg, struct job_reply *reply, struct err *err)
{
	const struct swap_disk *disk = arg;
	struct device_host host;
	int r = device_host_init(&host, "/sys", "/dev", disk->timeout_ms, err);

	(void)reply;
	if (r < 0)
		return r;
	r = device_add_swap_pci(&host, disk->path, err);
	device_host_done(&host);
	return r;
}

/* The slots of the way to the disk, as the text that names a PCI path everywhere else; NULL = out of memory. */
static const char *path_text(struct arena *arena, const uint32_t *slots, size_t n)
{
	const char *text = "";

	for (size_t i = 0; text && i < n && i <= PCI_PATH_DEPTH_MAX; i++)
		text = arena_printf(arena, "%s%s%02x", text, i > 0 ? "/" : "", slots[i]);
	return text;
}

void rpc_add_swap(struct rpc_call *call)
{
	const Grpc__AddSwapRequest *req = RPC_REQUEST(call, Grpc__AddSwapRequest);
	struct swap_disk *disk = arena_alloc(&call->arena, sizeof(*disk));

	if (disk) {
		disk->path = path_text(&call->arena, req->pcipath, req->n_pcipath);
		disk->timeout_ms = devices_timeout_ms(call->server->sandbox->options);
	}
	if (!disk || !disk->path)
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for a job");
	else
		rpc_run_job(call, &(struct rpc_job){ .name = "swap",
		                                     .run = run_swap_pci,
		                                     .arg = disk,
		                                     .deadline_ms = JOB_DEADLINE_MS + disk->timeout_ms });
}

/* There is none, and this is how upstream's agent says so when its own is off. */
void rpc_mem_agent(struct rpc_call *call)
{
	rpc_fail(call, RPC_INTERNAL, "mem-agent is disabled");
}
