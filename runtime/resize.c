/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/resize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "proto/agent.pb-c.h"
#include "runtime/pinning.h"
#include "runtime/sandbox.h"

#define MIB       ((int64_t)1 << 20)
#define BLOCK_MIB 128 /* of a guest that does not say */

struct waiter {
	struct list link;
	unsigned turn; /* at the end of which he is told */
	resize_fn fn;
	void *arg;
};

void resize_init(struct resize *r)
{
	*r = (struct resize){ .is_fixed = true };
	list_init(&r->waiters);
	list_init(&r->deferred.link);
}

void resize_started(struct resize *r, const struct sizing_result *size, bool is_fixed)
{
	r->boot = r->now = r->want = *size;
	r->is_fixed = is_fixed;
}

int resize_demand(struct container *c, const struct oci_resources *resources)
{
	char *cpuset = NULL;

	if (!resources)
		return 0;
	if (resources->cpu && resources->cpu->cpus) {
		cpuset = strdup(resources->cpu->cpus);
		if (!cpuset)
			return -ENOMEM;
	}
	sizing_update(&c->demand, resources);
	if (cpuset) {
		free(c->cpuset);
		c->cpuset = cpuset;
	}
	c->demand.cpuset = c->cpuset;
	return 0;
}

static bool is_live(const struct container *c)
{
	return c->status != CONTAINER_STOPPED && !c->is_removed;
}

void resize_pin(struct sandbox *sb)
{
	struct sizing_cpus cpus = { .bits = { 0 } };
	struct err err = ERR_INIT;

	if (!sb->config.runtime.enable_vcpus_pinning || !hypervisor_is_running(sb->vm))
		return;
	list_foreach(c, &sb->containers, struct container, link) {
		if (is_live(c) && c->cpuset)
			sizing_add_cpus(&cpus, c->cpuset);
	}
	if (pinning_apply(hypervisor_pid(sb->vm), &cpus, &err) < 0)
		log_warning("resize", "Sandbox '%s': %s, ignoring", sb->id, err_text(&err));
}

static void run(struct sandbox *sb);

/* One whose turn is over, or NULL. */
static struct waiter *pop(struct resize *r, unsigned over)
{
	list_foreach(w, &r->waiters, struct waiter, link) {
		if ((int)(w->turn - over) <= 0) {
			list_remove(&w->link);
			return w;
		}
	}
	return NULL;
}

static void tell(struct resize *r, unsigned over)
{
	struct waiter *w;

	while ((w = pop(r, over)) != NULL) {
		if (w->fn)
			w->fn(w->arg);
		free(w);
	}
}

/* Only those that asked before it began; the others get what comes next. */
static void finish(struct sandbox *sb)
{
	struct resize *r = &sb->resize;

	resize_pin(sb);
	r->is_running = false;
	tell(r, r->turn++);
	if (!list_is_empty(&r->waiters) && !r->is_running)
		run(sb);
}

void resize_stop(struct sandbox *sb)
{
	struct resize *r = &sb->resize;

	r->is_fixed = true;
	r->is_running = false;
	list_remove(&r->deferred.link);
	r->turn++;
	tell(r, r->turn);
}

static void on_followed(void *arg, struct client_reply *reply)
{
	struct sandbox *sb = arg;
	struct err err = ERR_INIT;

	/* Not every agent can. */
	if (reply->code != RPC_UNIMPLEMENTED && agentlink_check(reply, "resize the volumes of", sb->id, &err) < 0)
		log_error("resize", "%s, ignoring", err_text(&err));
	finish(sb);
}

/* Volumes in memory are as large as it is. */
static void tell_volumes(struct sandbox *sb)
{
	Grpc__UpdateEphemeralMountsRequest request = GRPC__UPDATE_EPHEMERAL_MOUNTS_REQUEST__INIT;
	_autoarena_ struct arena arena = { .max = 0 };
	size_t n = 0;
	int r = 0;

	list_foreach(c, &sb->containers, struct container, link) {
		list_foreach(v, &c->volumes, struct ephemeral, link)
			n++;
	}
	request.storages = arena_array(&arena, n + 1, sizeof(*request.storages));
	list_foreach(c, &sb->containers, struct container, link) {
		/* The agent does not know yet those of one that is being created. */
		if (request.storages && r == 0 && c->status != CONTAINER_CREATING)
			r = ephemeral_tell(&arena, &c->volumes, sb->resize.now.memory_mib, true, request.storages,
			                   &request.n_storages);
	}
	if (!request.storages || r < 0 || request.n_storages == 0 ||
	    agentlink_call(&sb->link, "UpdateEphemeralMounts", &request.base, AGENTLINK_TIMEOUT_MS, on_followed, sb) <
	            0)
		finish(sb);
}

static void on_online(void *arg, struct client_reply *reply)
{
	struct sandbox *sb = arg;
	struct err err = ERR_INIT;

	if (agentlink_check(reply, "resize sandbox", sb->id, &err) < 0)
		log_error("resize", "%s, ignoring", err_text(&err));
	tell_volumes(sb);
}

/* CPUs that a guest refuses to see are not waited for. */
static void put_online(struct sandbox *sb, bool all_cpus)
{
	Grpc__OnlineCPUMemRequest request = GRPC__ONLINE_CPUMEM_REQUEST__INIT;

	request.nb_cpus = all_cpus ? (uint32_t)sb->resize.now.vcpus : 0;
	if (agentlink_call(&sb->link, "OnlineCPUMem", &request.base, AGENTLINK_TIMEOUT_MS, on_online, sb) < 0)
		tell_volumes(sb);
}

static void on_resized(void *arg, const struct hotplug_size *now, const struct err *err)
{
	struct sandbox *sb = arg;
	struct resize *r = &sb->resize;
	const struct sizing_result before = r->now;
	struct err moved = ERR_INIT;

	r->now = (struct sizing_result){ .vcpus = now->vcpus, .memory_mib = now->memory_mib };
	/* A new CPU's thread is born with the rest of QEMU. */
	if (hypervisor_is_running(sb->vm) && hostcgroup_add_vmm(&sb->cgroups, hypervisor_pid(sb->vm), &moved) < 0)
		log_warning("resize", "%s, ignoring", err_text(&moved));
	log_info("resize", "Sandbox '%s' has %" PRId64 " CPUs and %" PRId64 " MiB", sb->id, now->vcpus,
	         now->memory_mib);
	if (err)
		log_error("resize",
		          "Sandbox '%s' should have %" PRId64 " CPUs and %" PRId64 " MiB: %s, going on without", sb->id,
		          r->want.vcpus, r->want.memory_mib, err_text(err));
	sandbox_save(sb);
	if (r->now.vcpus > before.vcpus || r->now.memory_mib > before.memory_mib)
		put_online(sb, !err && r->now.vcpus > before.vcpus);
	else
		tell_volumes(sb);
}

/* What was there at boot stays; what is plugged in comes in whole blocks of the guest's, as far as there is room. */
static int64_t whole_blocks(const struct resize *r, int64_t mib, int64_t max)
{
	int64_t more = mib - r->boot.memory_mib;

	if (more <= 0)
		return r->boot.memory_mib;
	more = (more + r->block_mib - 1) / r->block_mib * r->block_mib;
	return r->boot.memory_mib + more - (r->boot.memory_mib + more > max ? r->block_mib : 0);
}

static int compute(struct sandbox *sb, struct sizing_result *ret)
{
	struct sizing_demand *demands;
	size_t n = 0;

	list_foreach(c, &sb->containers, struct container, link)
		n += is_live(c);
	demands = calloc(n + 1, sizeof(*demands));
	if (!demands)
		return -ENOMEM;
	n = 0;
	list_foreach(c, &sb->containers, struct container, link) {
		if (is_live(c))
			demands[n++] = c->demand;
	}
	*ret = sizing_for(&sb->config.hypervisor, demands, n, sb->resize.block_mib);
	ret->memory_mib = whole_blocks(&sb->resize, ret->memory_mib, sb->config.hypervisor.default_maxmemory);
	free(demands);
	return 0;
}

/* Asked also when nothing seems to have changed: what did not work before may work now. */
static void change(struct sandbox *sb)
{
	struct resize *r = &sb->resize;
	struct hotplug_size want;
	int rc = compute(sb, &r->want);

	want = (struct hotplug_size){ .vcpus = r->want.vcpus, .memory_mib = r->want.memory_mib };
	if (rc == 0 && r->want.vcpus == r->now.vcpus && r->want.memory_mib == r->now.memory_mib) {
		finish(sb);
		return;
	}
	if (rc == 0)
		rc = hypervisor_resize(sb->vm, &want, on_resized, sb);
	if (rc == 0)
		return;
	log_error("resize", "Resize sandbox '%s': %s, ignoring", sb->id, strerror(-rc));
	finish(sb);
}

static void on_details(void *arg, struct client_reply *reply)
{
	struct sandbox *sb = arg;
	uint64_t bytes = 0;

	if (reply->code == RPC_OK)
		bytes = ((const Grpc__GuestDetailsResponse *)reply->message)->mem_block_size_bytes;
	sb->resize.block_mib = bytes >= (uint64_t)MIB && bytes <= INT64_MAX ? (int64_t)bytes / MIB : BLOCK_MIB;
	if (sb->end == END_NONE && sb->vm)
		change(sb);
	else
		finish(sb);
}

static bool can_change(const struct sandbox *sb)
{
	return !sb->resize.is_fixed && sb->is_booted && sb->end == END_NONE && sb->vm;
}

static void begin(struct loop_deferred *deferred)
{
	struct resize *r = container_of(deferred, struct resize, deferred);
	struct sandbox *sb = container_of(r, struct sandbox, resize);
	Grpc__GuestDetailsRequest request = GRPC__GUEST_DETAILS_REQUEST__INIT;

	if (!can_change(sb)) {
		finish(sb);
	} else if (r->block_mib > 0) {
		change(sb);
	} else {
		request.mem_block_size = true;
		if (agentlink_call(&sb->link, "GetGuestDetails", &request.base, AGENTLINK_TIMEOUT_MS, on_details, sb) <
		    0)
			finish(sb);
	}
}

/* Whoever asks goes on only when he is off the stack. */
static void run(struct sandbox *sb)
{
	sb->resize.is_running = true;
	sb->resize.deferred.run = begin;
	loop_defer(sb->loop, &sb->resize.deferred);
}

void resize_ask(struct sandbox *sb, resize_fn fn, void *arg)
{
	struct resize *r = &sb->resize;
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w) {
		log_error("resize", "Resize sandbox '%s': out of memory, ignoring", sb->id);
		if (fn)
			fn(arg);
		return;
	}
	*w = (struct waiter){ .turn = r->turn + r->is_running, .fn = fn, .arg = arg };
	list_append(&r->waiters, &w->link);
	if (!r->is_running)
		run(sb);
}

void resize_forget(struct sandbox *sb, const void *arg)
{
	list_foreach(w, &sb->resize.waiters, struct waiter, link) {
		if (arg && w->arg != arg)
			continue;
		list_remove(&w->link);
		free(w);
	}
}
