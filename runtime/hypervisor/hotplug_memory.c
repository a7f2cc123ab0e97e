/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jsontext.h"
#include "lib/mem.h"
#include "runtime/hypervisor/hotplug.h"

#define MIB ((int64_t)1 << 20)
/* A guest needs memory to describe memory: what is plugged in at once is at most this many times what there is. */
#define GROWTH_MAX     48
#define DIMM_BLOCK_MIB 128
#define VIRTIO_MEM     "virtiomem0"

static void on_devices(void *arg, int rc, struct json_object *result, const struct err *err);

/* Asks again: how much is there now, and what is still to do? */
static void look(struct hotplug *h)
{
	hotplug_command(h, "query-memory-devices", NULL, on_devices);
}

void hotplug_memory(struct hotplug *h)
{
	h->now.memory_mib = h->boot_mib;
	look(h);
}

static void look_again(struct hotplug *h, bool done)
{
	(void)done;
	(void)json_object_put(take_ptr(&h->devices));
	look(h);
}

/* --- virtio-mem -------------------------------------------------------------------------------------------------- */

void hotplug_memory_event(struct hotplug *h, struct json_object *data)
{
	int64_t size = jsontext_number(data, "size");

	if (h->virtio_target < 0 || strcmp(jsontext_text(data, "id"), VIRTIO_MEM) != 0)
		return;
	h->now.memory_mib = h->boot_mib + size / MIB;
	if (size == h->virtio_target)
		hotplug_finish(h);
	else if (h->timer.source.loop)
		(void)loop_timer_start(h->loop, &h->timer, HOTPLUG_LEAVE_MS);
}

static void on_virtio_late(struct hotplug *h, bool done)
{
	struct err err = ERR_INIT;

	(void)done;
	(void)err_say(&err, ETIMEDOUT, "resize '" VIRTIO_MEM "': the guest has %" PRId64 " of %" PRId64 " MiB",
	              h->now.memory_mib - h->boot_mib, h->virtio_target / MIB);
	hotplug_note(h, &err);
	hotplug_finish(h);
}

static void on_virtio_set(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct hotplug *h = arg;

	(void)result;
	if (!h->is_busy || h->virtio_target < 0)
		return;
	if (rc < 0) {
		hotplug_note(h, err);
		hotplug_finish(h);
		return;
	}
	h->arriving = 1;
	hotplug_await(h, on_virtio_late);
	if (h->timer.source.loop)
		(void)loop_timer_start(h->loop, &h->timer, HOTPLUG_LEAVE_MS);
}

static void resize_virtio(struct hotplug *h, struct json_object *data)
{
	int64_t block = jsontext_number(data, "block-size"), max = jsontext_number(data, "max-size");
	int64_t want = (h->want.memory_mib - h->boot_mib) * MIB;
	struct json_object *arguments = json_object_new_object();
	int r;

	want = want < 0 ? 0 : want;
	if (block > 0)
		want = (want + block - 1) / block * block;
	if (want > max)
		want = max;
	if (jsontext_number(data, "requested-size") == want && jsontext_number(data, "size") == want) {
		(void)json_object_put(arguments);
		hotplug_finish(h);
		return;
	}
	h->virtio_target = want;
	r = jsontext_add(arguments, "path", json_object_new_string("/machine/peripheral/" VIRTIO_MEM));
	if (r == 0)
		r = jsontext_add(arguments, "property", json_object_new_string("requested-size"));
	if (r == 0)
		r = jsontext_add(arguments, "value", json_object_new_int64(want));
	if (r == 0) {
		hotplug_command(h, "qom-set", arguments, on_virtio_set);
		return;
	}
	(void)json_object_put(arguments);
	(void)err_set(&h->err, ENOMEM, "resize '" VIRTIO_MEM "'");
	hotplug_finish(h);
}

/* --- DIMMs ------------------------------------------------------------------------------------------------------- */

/* The number of a DIMM of ours, -1 for anything else. */
static int number_of(struct json_object *device)
{
	const char *id = jsontext_text(jsontext_member(device, "data"), "id");
	int number = -1, used = 0;

	if (strcmp(jsontext_text(device, "type"), "dimm") == 0 && sscanf(id, "dimm%6d%n", &number, &used) == 1 &&
	    id[used] == '\0')
		return number;
	return -1;
}

static int free_number(const struct hotplug *h)
{
	int number = 0;

	for (size_t i = 0; i < json_object_array_length(h->devices); i++) {
		if (number_of(json_object_array_get_idx(h->devices, i)) == number) {
			number++;
			i = (size_t)-1;
		}
	}
	return number;
}

static struct json_object *backend(const struct hotplug *h, int number, int64_t mib)
{
	struct json_object *o = json_object_new_object();
	char id[32];
	int r;

	(void)snprintf(id, sizeof(id), "dimm-mem%d", number);
	r = jsontext_add(o, "qom-type",
	                 json_object_new_string(h->is_hugepages ? "memory-backend-file" : "memory-backend-memfd"));
	if (r == 0)
		r = jsontext_add(o, "id", json_object_new_string(id));
	if (r == 0)
		r = jsontext_add(o, "size", json_object_new_int64(mib * MIB));
	if (r == 0)
		r = jsontext_add(o, "share", json_object_new_boolean(h->is_shared || h->is_hugepages));
	if (r == 0 && h->is_hugepages)
		r = jsontext_add(o, "mem-path", json_object_new_string("/dev/hugepages"));
	if (r == 0)
		return o;
	(void)json_object_put(o);
	return NULL;
}

static struct json_object *object_id(int number)
{
	struct json_object *o = json_object_new_object();
	char id[32];

	(void)snprintf(id, sizeof(id), "dimm-mem%d", number);
	if (jsontext_add(o, "id", json_object_new_string(id)) == 0)
		return o;
	(void)json_object_put(o);
	return NULL;
}

/* One that no DIMM came to use. */
static void on_backend_undone(void *arg, int rc, struct json_object *result, const struct err *err)
{
	(void)rc;
	(void)result;
	(void)err;
	hotplug_finish(arg);
}

static void on_backend_gone(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct hotplug *h = arg;

	(void)result;
	if (rc < 0)
		hotplug_note(h, err);
	look_again(h, rc == 0);
}

static void on_dimm_added(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct hotplug *h = arg;

	(void)result;
	if (rc == 0) {
		h->arriving = 1;
		/* Whether the guest said anything or not, QEMU has it. */
		hotplug_await(h, look_again);
		return;
	}
	hotplug_note(h, err);
	hotplug_command(h, "object-del", object_id(free_number(h)), on_backend_undone);
}

static void on_backend_added(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct hotplug *h = arg;
	struct json_object *o;
	char id[32], memdev[32];
	int r;

	(void)result;
	if (rc < 0) {
		hotplug_note(h, err);
		hotplug_finish(h);
		return;
	}
	o = json_object_new_object();
	(void)snprintf(id, sizeof(id), "dimm%d", free_number(h));
	(void)snprintf(memdev, sizeof(memdev), "dimm-mem%d", free_number(h));
	r = jsontext_add(o, "driver", json_object_new_string("pc-dimm"));
	if (r == 0)
		r = jsontext_add(o, "id", json_object_new_string(id));
	if (r == 0)
		r = jsontext_add(o, "memdev", json_object_new_string(memdev));
	if (r == 0) {
		hotplug_command(h, "device_add", o, on_dimm_added);
		return;
	}
	(void)json_object_put(o);
	(void)err_set(&h->err, ENOMEM, "plug in '%s'", id);
	hotplug_finish(h);
}

static void plug_dimm(struct hotplug *h)
{
	int64_t mib = h->want.memory_mib - h->now.memory_mib, most = h->now.memory_mib * GROWTH_MAX;
	struct json_object *arguments;

	if (mib > most)
		mib = most / DIMM_BLOCK_MIB * DIMM_BLOCK_MIB;
	arguments = backend(h, free_number(h), mib);
	if (arguments) {
		hotplug_command(h, "object-add", arguments, on_backend_added);
		return;
	}
	(void)err_set(&h->err, ENOMEM, "plug in memory");
	hotplug_finish(h);
}

static void on_dimm_gone(struct hotplug *h, bool done)
{
	if (done)
		hotplug_command(h, "object-del", object_id(number_of(h->device)), on_backend_gone);
	else
		hotplug_finish(h);
}

/* The largest that is not more than what is too much; DIMMs cannot be cut. */
static void unplug_dimm(struct hotplug *h)
{
	int64_t most = (h->now.memory_mib - h->want.memory_mib) * MIB, best = 0;
	struct err err = ERR_INIT;

	h->device = NULL;
	for (size_t i = 0; i < json_object_array_length(h->devices); i++) {
		struct json_object *device = json_object_array_get_idx(h->devices, i);
		int64_t size = jsontext_number(jsontext_member(device, "data"), "size");

		if (number_of(device) >= 0 && size <= most && size > best) {
			best = size;
			h->device = device;
		}
	}
	if (h->device) {
		hotplug_remove(h, jsontext_text(jsontext_member(h->device, "data"), "id"), -1, on_dimm_gone);
		return;
	}
	/* What was there at boot stays, and is no failure. */
	if (h->want.memory_mib >= h->boot_mib) {
		(void)err_say(&err, ERANGE, "take out memory: no DIMM has %" PRId64 " MiB or less", most / MIB);
		hotplug_note(h, &err);
	}
	hotplug_finish(h);
}

static void on_devices(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct hotplug *h = arg;
	struct json_object *virtio = NULL;
	int64_t sum = 0;

	if (rc < 0 || !json_object_is_type(result, json_type_array)) {
		if (rc < 0)
			hotplug_note(h, err);
		hotplug_finish(h);
		return;
	}
	h->devices = json_object_get(result);
	for (size_t i = 0; i < json_object_array_length(result); i++) {
		struct json_object *device = json_object_array_get_idx(result, i);
		struct json_object *data = jsontext_member(device, "data");

		if (strcmp(jsontext_text(data, "id"), VIRTIO_MEM) == 0)
			virtio = data;
		if (number_of(device) >= 0 || virtio == data)
			sum += jsontext_number(data, "size");
	}
	h->now.memory_mib = h->boot_mib + sum / MIB;
	if (virtio)
		resize_virtio(h, virtio);
	else if (h->now.memory_mib == h->want.memory_mib || hotplug_is_refused(h))
		hotplug_finish(h);
	else if (h->now.memory_mib < h->want.memory_mib)
		plug_dimm(h);
	else
		unplug_dimm(h);
}
