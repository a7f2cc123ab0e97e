/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/hotplug.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jsontext.h"
#include "lib/mem.h"

/* Of ACPI's _OST, as the event has them. */
#define OST_INSERTION   1
#define OST_EJECTION    3
#define OST_IN_PROGRESS 132

#define PERIPHERAL "/machine/peripheral/"

void hotplug_init(struct hotplug *h, struct loop *loop, struct qmp *qmp, const struct vm_spec *vm)
{
	*h = (struct hotplug){
		.loop = loop,
		.qmp = qmp,
		.boot_mib = vm->memory_mib,
		/* vhost-user backends and virtiofsd map the guest's memory. */
		.is_shared = vm->share_socket || vm->vsock == VM_VSOCK_VHOST_USER,
		.is_hugepages = vm->config->enable_hugepages,
		.is_emulated = !vm->is_kvm,
	};
}

static void forget(struct hotplug *h)
{
	loop_timer_stop(&h->timer);
	free(take_ptr(&h->leaving));
	(void)json_object_put(take_ptr(&h->devices));
	h->device = NULL;
	h->arriving = 0;
	h->is_busy = false;
}

void hotplug_end(struct hotplug *h)
{
	forget(h);
	h->qmp = NULL;
}

void hotplug_note(struct hotplug *h, const struct err *err)
{
	if (h->err.num == 0)
		(void)err_copy(&h->err, err);
}

bool hotplug_is_refused(struct hotplug *h)
{
	const struct err err = {
		.num = EOPNOTSUPP,
		.text = "plug: QEMU's emulation would crash, since a CPU was taken out before",
	};

	if (h->is_brittle)
		hotplug_note(h, &err);
	return h->is_brittle;
}

void hotplug_finish(struct hotplug *h)
{
	hotplug_fn fn = h->fn;

	forget(h);
	fn(h->arg, &h->now, h->err.num != 0 ? &h->err : NULL);
}

void hotplug_command(struct hotplug *h, const char *name, struct json_object *arguments, qmp_done done)
{
	int r = qmp_command(h->qmp, name, arguments, -1, HOTPLUG_COMMAND_MS, done, h);

	if (r == 0)
		return;
	if (h->err.num == 0)
		(void)err_set(&h->err, -r, "QMP %s", name);
	hotplug_finish(h);
}

/* --- what the guest says ----------------------------------------------------------------------------------------- */

static void go_on(struct hotplug *h, bool done)
{
	loop_timer_stop(&h->timer);
	free(take_ptr(&h->leaving));
	h->arriving = 0;
	h->next(h, done);
}

static void refused(struct hotplug *h, const char *why, int64_t status)
{
	struct err err = ERR_INIT;

	(void)err_say(&err, EBUSY, "take out '%s': the guest %s (%" PRId64 ")", h->leaving, why, status);
	hotplug_note(h, &err);
	go_on(h, false);
}

static void on_late(struct loop_timer *timer)
{
	struct hotplug *h = container_of(timer, struct hotplug, timer);
	struct err err = ERR_INIT;

	if (h->leaving) {
		(void)err_say(&err, ETIMEDOUT, "take out '%s': the guest did not give it up within %d s", h->leaving,
		              HOTPLUG_LEAVE_MS / 1000);
		hotplug_note(h, &err);
	}
	go_on(h, false);
}

static void wait_for_guest(struct hotplug *h, unsigned ms)
{
	h->timer.expired = on_late;
	if (loop_timer_start(h->loop, &h->timer, ms) < 0)
		go_on(h, false);
}

void hotplug_await(struct hotplug *h, void (*next)(struct hotplug *h, bool done))
{
	h->next = next;
	if (h->arriving == 0)
		go_on(h, true);
	else
		wait_for_guest(h, HOTPLUG_ARRIVE_MS);
}

static void on_removing(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct hotplug *h = arg;

	(void)result;
	/* The guest may have been faster than the answer. */
	if (!h->leaving)
		return;
	if (rc == 0) {
		wait_for_guest(h, HOTPLUG_LEAVE_MS);
		return;
	}
	hotplug_note(h, err);
	go_on(h, false);
}

void hotplug_remove(struct hotplug *h, const char *device, int64_t slot, void (*next)(struct hotplug *h, bool done))
{
	struct json_object *arguments = json_object_new_object();
	const struct err err = { .num = ENOMEM, .text = "take out a device: out of memory" };

	h->next = next;
	h->slot = slot;
	h->leaving = strdup(device);
	if (!h->leaving || jsontext_add(arguments, "id", json_object_new_string(device)) < 0) {
		(void)json_object_put(arguments);
		hotplug_note(h, &err);
		go_on(h, false);
		return;
	}
	hotplug_command(h, "device_del", arguments, on_removing);
}

static bool is_leaving(const struct hotplug *h, struct json_object *data)
{
	return h->leaving && (strcmp(jsontext_text(data, "device"), h->leaving) == 0 ||
	                      strcmp(jsontext_text(data, "path"), h->leaving) == 0);
}

/* Of a CPU that has gone QEMU tells the slot alone, and no DEVICE_DELETED (10.0). */
static bool is_leaving_slot(const struct hotplug *h, struct json_object *info)
{
	return h->leaving && h->slot >= 0 && strcmp(jsontext_text(info, "slot-type"), "CPU") == 0 &&
	       strtoll(jsontext_text(info, "slot"), NULL, 10) == h->slot;
}

/* The guest's verdict about one device. */
static void on_verdict(struct hotplug *h, struct json_object *info)
{
	int64_t source = jsontext_number(info, "source"), status = jsontext_number(info, "status");
	struct err err = ERR_INIT;

	if (source == OST_EJECTION && (is_leaving(h, info) || is_leaving_slot(h, info)) && status != OST_IN_PROGRESS) {
		if (status != 0)
			refused(h, "refuses", status);
		else if (is_leaving_slot(h, info))
			go_on(h, true);
		return;
	}
	if (source != OST_INSERTION || h->arriving == 0)
		return;
	if (status != 0) {
		(void)err_say(&err, EIO, "plug in '%s': the guest does not take it (%" PRId64 ")",
		              jsontext_text(info, "device"), status);
		hotplug_note(h, &err);
	}
	if (--h->arriving == 0 && h->timer.source.loop)
		go_on(h, true);
}

void hotplug_event(struct hotplug *h, const char *name, struct json_object *data)
{
	if (!h->is_busy)
		return;
	if (strcmp(name, "DEVICE_DELETED") == 0 && is_leaving(h, data))
		go_on(h, true);
	else if (strcmp(name, "DEVICE_UNPLUG_GUEST_ERROR") == 0 && is_leaving(h, data))
		refused(h, "cannot", 0);
	else if (strcmp(name, "ACPI_DEVICE_OST") == 0)
		on_verdict(h, jsontext_member(data, "info"));
	else if (strcmp(name, "MEMORY_DEVICE_SIZE_CHANGE") == 0)
		hotplug_memory_event(h, data);
}

/* --- CPUs -------------------------------------------------------------------------------------------------------- */

static void change_cpus(struct hotplug *h);

static bool is_present(struct json_object *cpu)
{
	return jsontext_member(cpu, "qom-path") != NULL;
}

static int64_t count_of(struct json_object *cpu)
{
	return jsontext_number(cpu, "vcpus-count");
}

/* QEMU lists the highest first: the last free one comes next, the first present one goes first. */
static struct json_object *pick_cpu(const struct hotplug *h, bool present, int64_t *ret_slot)
{
	struct json_object *found = NULL;
	size_t n = json_object_array_length(h->devices);

	for (size_t i = 0; i < n; i++) {
		struct json_object *cpu = json_object_array_get_idx(h->devices, i);

		if (is_present(cpu) != present || (present && found))
			continue;
		found = cpu;
		*ret_slot = (int64_t)(n - 1 - i);
	}
	return found;
}

static struct json_object *arguments_of(struct json_object *cpu)
{
	struct json_object *arguments = json_object_new_object(), *props = jsontext_member(cpu, "props");
	char id[40];
	int r;

	(void)snprintf(id, sizeof(id), "cpu-%" PRId64 "-%" PRId64 "-%" PRId64, jsontext_number(props, "socket-id"),
	               jsontext_number(props, "core-id"), jsontext_number(props, "thread-id"));
	r = jsontext_add(arguments, "driver", json_object_new_string(jsontext_text(cpu, "type")));
	if (r == 0)
		r = jsontext_add(arguments, "id", json_object_new_string(id));
	if (props) {
		json_object_object_foreach(props, name, value)
		{
			r = r == 0 ? jsontext_add(arguments, name, json_object_get(value)) : r;
		}
	}
	if (r == 0)
		return arguments;
	(void)json_object_put(arguments);
	return NULL;
}

static void cpus_are_done(struct hotplug *h, bool done)
{
	(void)done;
	(void)json_object_put(take_ptr(&h->devices));
	hotplug_memory(h);
}

static void on_cpu_added(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct hotplug *h = arg;

	(void)result;
	if (rc < 0) {
		hotplug_note(h, err);
		hotplug_await(h, cpus_are_done);
		return;
	}
	h->arriving++;
	h->now.vcpus += count_of(h->device);
	(void)jsontext_add(h->device, "qom-path", json_object_new_string(""));
	change_cpus(h);
}

static void on_cpu_gone(struct hotplug *h, bool done)
{
	if (!done) {
		cpus_are_done(h, false);
		return;
	}
	h->now.vcpus -= count_of(h->device);
	/* The emulator tells a CPU that it has freed of each change of the memory's map, and crashes (seen with 7.2).
	 */
	h->is_brittle = h->is_emulated;
	json_object_object_del(h->device, "qom-path");
	change_cpus(h);
}

static void plug_cpu(struct hotplug *h)
{
	const struct err full = { .num = ENOSPC, .text = "plug in a CPU: QEMU has no more of them" };
	struct json_object *arguments;
	int64_t slot;

	h->device = pick_cpu(h, false, &slot);
	arguments = h->device ? arguments_of(h->device) : NULL;
	if (arguments) {
		hotplug_command(h, "device_add", arguments, on_cpu_added);
		return;
	}
	hotplug_note(h, &full);
	hotplug_await(h, cpus_are_done);
}

/* Those that were there at boot have no id; their path will do. */
static void unplug_cpu(struct hotplug *h)
{
	const char *path;
	int64_t slot = -1;

	h->device = pick_cpu(h, true, &slot);
	path = h->device ? jsontext_text(h->device, "qom-path") : "";
	if (strncmp(path, PERIPHERAL, strlen(PERIPHERAL)) == 0)
		path += strlen(PERIPHERAL);
	hotplug_remove(h, path, slot, on_cpu_gone);
}

static void change_cpus(struct hotplug *h)
{
	if (h->now.vcpus < h->want.vcpus && hotplug_is_refused(h))
		hotplug_await(h, cpus_are_done);
	else if (h->now.vcpus < h->want.vcpus)
		plug_cpu(h);
	else if (h->now.vcpus > h->want.vcpus && h->arriving == 0)
		unplug_cpu(h);
	else
		hotplug_await(h, cpus_are_done);
}

static void on_cpus(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct hotplug *h = arg;

	if (rc < 0 || !json_object_is_type(result, json_type_array)) {
		if (rc < 0)
			hotplug_note(h, err);
		hotplug_memory(h);
		return;
	}
	h->devices = json_object_get(result);
	h->now.vcpus = 0;
	for (size_t i = 0; i < json_object_array_length(result); i++) {
		struct json_object *cpu = json_object_array_get_idx(result, i);

		if (is_present(cpu))
			h->now.vcpus += count_of(cpu);
	}
	change_cpus(h);
}

int hotplug_resize(struct hotplug *h, const struct hotplug_size *want, hotplug_fn fn, void *arg)
{
	int r;

	if (!h->qmp || h->is_busy)
		return h->is_busy ? -EBUSY : -ENOTCONN;
	r = qmp_command(h->qmp, "query-hotpluggable-cpus", NULL, -1, HOTPLUG_COMMAND_MS, on_cpus, h);
	if (r < 0)
		return r;
	h->is_busy = true;
	h->want = *want;
	h->err = (struct err)ERR_INIT;
	h->virtio_target = -1;
	h->fn = fn;
	h->arg = arg;
	return 0;
}
