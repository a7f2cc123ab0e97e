/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/disks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jsontext.h"
#include "lib/mem.h"

#define SET_BASE 1000 /* numbers of fd sets; those of the command line are small */
#define STEPS    3

struct disks_slot {
	struct disks *disks;
	int number;
	unsigned have; /* steps that are done: fd, node, device */
	bool is_lost, is_leaving, is_answered, is_deleted;
	struct disks_spec spec;
	struct err err;
	struct loop_timer timer;
	disks_fn fn;
	void *arg;
};

void disks_init(struct disks *d, struct loop *loop, struct qmp *qmp, unsigned n_bridges)
{
	*d = (struct disks){ .loop = loop, .qmp = qmp, .n_max = DISKS_MAX, .is_virtio = n_bridges > 0 };
	if (n_bridges > 0 && n_bridges < DISKS_MAX / DISKS_BRIDGE_ROOMS + 1)
		d->n_max = n_bridges * DISKS_BRIDGE_ROOMS;
}

static void free_slot(struct disks_slot *s)
{
	loop_timer_stop(&s->timer);
	s->disks->slots[s->number] = NULL;
	free(s);
}

void disks_end(struct disks *d)
{
	for (size_t i = 0; i < DISKS_MAX; i++)
		if (d->slots[i])
			free_slot(d->slots[i]);
	d->qmp = NULL;
}

static void tell(struct disks_slot *s)
{
	const struct err err = s->err;
	const disks_fn fn = s->fn;
	void *const arg = s->arg;
	const int number = s->number;

	loop_timer_stop(&s->timer);
	if (s->have == 0 && !s->is_lost)
		free_slot(s);
	fn(arg, number, err.num != 0 ? &err : NULL);
}

/* What QEMU has of it is not known any more: the number is not used again. */
static void lose(struct disks_slot *s, const struct err *err)
{
	if (s->err.num == 0)
		(void)err_copy(&s->err, err);
	s->is_lost = true;
	tell(s);
}

/* --- the commands ------------------------------------------------------------------------------------------------ */

static struct json_object *set_of(const struct disks_slot *s)
{
	struct json_object *o = json_object_new_object();

	(void)jsontext_add(o, "fdset-id", json_object_new_int(SET_BASE + s->number));
	return o;
}

static void add_name(struct json_object *o, const char *member, const char *what, const struct disks_slot *s)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%s%d", what, s->number);
	(void)jsontext_add(o, member, json_object_new_string(text));
}

static struct json_object *node_of(const struct disks_slot *s)
{
	struct json_object *o = json_object_new_object(), *file = json_object_new_object();

	(void)jsontext_add(file, "driver", json_object_new_string(s->spec.is_device ? "host_device" : "file"));
	(void)jsontext_add(file, "aio", json_object_new_string(s->spec.aio));
	(void)jsontext_add(file, "read-only", json_object_new_boolean(s->spec.read_only));
	if (file) {
		char text[40];

		(void)snprintf(text, sizeof(text), "/dev/fdset/%d", SET_BASE + s->number);
		(void)jsontext_add(file, "filename", json_object_new_string(text));
	}
	(void)jsontext_add(o, "driver", json_object_new_string("raw"));
	add_name(o, "node-name", "plug", s);
	(void)jsontext_add(o, "read-only", json_object_new_boolean(s->spec.read_only));
	(void)jsontext_add(o, "file", file);
	return o;
}

/* Place 0 of a bridge is its own. */
static int bridge_of(int slot)
{
	return slot / DISKS_BRIDGE_ROOMS;
}

static int room_of(int slot)
{
	return 1 + slot % DISKS_BRIDGE_ROOMS;
}

static void place_on_bridge(struct json_object *o, int slot)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "pci-bridge-%d", bridge_of(slot));
	(void)jsontext_add(o, "bus", json_object_new_string(text));
	(void)snprintf(text, sizeof(text), "%02x", (unsigned)room_of(slot));
	(void)jsontext_add(o, "addr", json_object_new_string(text));
}

static void place_as_target(struct json_object *o, int slot)
{
	(void)jsontext_add(o, "bus", json_object_new_string("scsi0.0"));
	(void)jsontext_add(o, "scsi-id", json_object_new_int(slot));
	(void)jsontext_add(o, "lun", json_object_new_int(0));
}

static struct json_object *device_of(const struct disks_slot *s)
{
	struct json_object *o = json_object_new_object();
	bool is_virtio = s->disks->is_virtio;

	(void)jsontext_add(o, "driver", json_object_new_string(is_virtio ? "virtio-blk-pci" : "scsi-hd"));
	add_name(o, "id", "disk", s);
	add_name(o, "drive", "plug", s);
	if (is_virtio)
		place_on_bridge(o, s->number);
	else
		place_as_target(o, s->number);
	(void)jsontext_add(o, "share-rw", json_object_new_boolean(true));
	return o;
}

int disks_name(const struct disks *d, int slot, struct arena *arena, const char **driver, const char **source)
{
	*driver = d->is_virtio ? "blk" : "scsi";
	*source = d->is_virtio ? arena_printf(arena, "%02x/%02x", (unsigned)(DISKS_BRIDGE_SLOT + bridge_of(slot)),
	                                      (unsigned)room_of(slot))
	                       : arena_printf(arena, "%d:0", slot);
	return *source ? 0 : -ENOMEM;
}

static struct json_object *id_of(const struct disks_slot *s, const char *member, const char *what)
{
	struct json_object *o = json_object_new_object();

	add_name(o, member, what, s);
	return o;
}

/* --- up and down ------------------------------------------------------------------------------------------------- */

static int up(struct disks_slot *s);
static int down(struct disks_slot *s);

static int ask(struct disks_slot *s, const char *name, struct json_object *arguments, qmp_done done)
{
	return qmp_command(s->disks->qmp, name, arguments, s->have == 0 ? s->spec.fd : -1, DISKS_MS, done, s);
}

/* Whoever asked is told, now that he is off the stack. */
static void go(struct disks_slot *s, int (*step)(struct disks_slot *s))
{
	struct err err = ERR_INIT;
	int r = step(s);

	if (r == 0)
		return;
	(void)err_set(&err, -r, "ask QEMU");
	lose(s, &err);
}

/* One that was not answered may still be done. */
static bool is_lost(int rc)
{
	return rc == -ETIMEDOUT || rc == -EPIPE;
}

static void on_up(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct disks_slot *s = arg;

	(void)result;
	if (is_lost(rc)) {
		lose(s, err);
	} else if (rc < 0) {
		(void)err_copy(&s->err, err);
		go(s, down);
	} else {
		s->have++;
		go(s, up);
	}
}

static int up(struct disks_slot *s)
{
	if (s->have == 0)
		return ask(s, "add-fd", set_of(s), on_up);
	if (s->have == 1)
		return ask(s, "blockdev-add", node_of(s), on_up);
	if (s->have == 2)
		return ask(s, "device_add", device_of(s), on_up);
	tell(s);
	return 0;
}

static void on_down(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct disks_slot *s = arg;

	(void)result;
	if (rc < 0) {
		lose(s, err);
		return;
	}
	s->have--;
	go(s, down);
}

/* The event may come before the answer. */
static void check_deleted(struct disks_slot *s)
{
	if (!s->is_answered || !s->is_deleted)
		return;
	s->is_leaving = false;
	loop_timer_stop(&s->timer);
	s->have--;
	go(s, down);
}

static void on_late(struct loop_timer *timer)
{
	struct disks_slot *s = container_of(timer, struct disks_slot, timer);
	struct err err = ERR_INIT;

	(void)err_say(&err, ETIMEDOUT, "take out a disk: QEMU has not let it go after %d s", DISKS_DELETE_MS / 1000);
	lose(s, &err);
}

static void on_leaving(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct disks_slot *s = arg;

	(void)result;
	if (rc == 0 && !s->is_deleted) {
		s->timer.expired = on_late;
		rc = loop_timer_start(s->disks->loop, &s->timer, DISKS_DELETE_MS);
	}
	if (rc < 0) {
		lose(s, err ? err : &(struct err){ -rc, "take out a disk" });
		return;
	}
	s->is_answered = true;
	check_deleted(s);
}

static int down(struct disks_slot *s)
{
	if (s->have == STEPS) {
		s->is_leaving = true;
		s->is_answered = s->is_deleted = false;
		return ask(s, "device_del", id_of(s, "id", "disk"), on_leaving);
	}
	if (s->have == 2)
		return ask(s, "blockdev-del", id_of(s, "node-name", "plug"), on_down);
	if (s->have == 1)
		return ask(s, "remove-fd", set_of(s), on_down);
	tell(s);
	return 0;
}

static struct disks_slot *new_slot(struct disks *d)
{
	for (unsigned i = 0; i < d->n_max; i++) {
		unsigned at = d->n_tried++ % d->n_max;

		if (d->slots[at])
			continue;
		d->slots[at] = calloc(1, sizeof(*d->slots[at]));
		if (d->slots[at])
			*d->slots[at] = (struct disks_slot){ .disks = d, .number = (int)at };
		return d->slots[at];
	}
	return NULL;
}

int disks_plug(struct disks *d, const struct disks_spec *spec, disks_fn fn, void *arg)
{
	struct disks_slot *s = d->qmp ? new_slot(d) : NULL;
	int r;

	if (!s)
		return d->qmp ? -ENOSPC : -ENOTCONN;
	s->spec = *spec;
	s->fn = fn;
	s->arg = arg;
	r = up(s);
	if (r < 0)
		free_slot(s);
	return r;
}

int disks_unplug(struct disks *d, int slot, disks_fn fn, void *arg)
{
	struct disks_slot *s = slot >= 0 && slot < DISKS_MAX ? d->slots[slot] : NULL;

	if (!d->qmp)
		return -ENOTCONN;
	if (!s || s->have != STEPS || s->is_lost || s->is_leaving)
		return -ENODEV;
	s->fn = fn;
	s->arg = arg;
	return down(s);
}

void disks_event(struct disks *d, const char *name, struct json_object *data)
{
	int slot = -1, end = 0;
	const char *id;

	if (!d->qmp || strcmp(name, "DEVICE_DELETED") != 0)
		return;
	id = jsontext_text(data, "device");
	if (sscanf(id, "disk%d%n", &slot, &end) != 1 || id[end] != '\0' || slot < 0 || slot >= DISKS_MAX)
		return;
	if (!d->slots[slot] || !d->slots[slot]->is_leaving)
		return;
	d->slots[slot]->is_deleted = true;
	check_deleted(d->slots[slot]);
}
