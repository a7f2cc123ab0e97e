/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox_create.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"
#include "proto/pboci.h"
#include "runtime/bindmount.h"
#include "runtime/bundle.h"
#include "runtime/hypervisor/child.h"
#include "runtime/hypervisor/patience.h"
#include "runtime/place.h"
#include "runtime/share.h"

#define PACKER_SAYS "kata-runtime: "
#define DELETED     "it was deleted meanwhile"

/*
 * What a create needs until the agent is asked. Its steps are taken one after the other from the loop: directories
 * packed, VM grown, disks plugged in, files copied, agent asked.
 */
struct creation {
	struct container *container;
	struct arena arena;
	struct oci_spec *spec;
	struct guestspec guest;
	bool is_first;
	struct loop_deferred begin;
	struct child packer;
	int image;      /* that it fills */
	char *pack_log; /* what it says */
	struct sandbox_copying copying;
	struct err err; /* why it is being undone */
};

void sandbox_forget_creation(struct container *c)
{
	struct creation *n = take_ptr(&c->creation);

	if (!n)
		return;
	list_remove(&n->begin.link);
	child_done(&n->packer);
	(void)fd_close(n->image);
	if (n->pack_log)
		(void)sys_unlinkat(AT_FDCWD, n->pack_log, 0);
	sandbox_copy_end(&n->copying);
	arena_done(&n->arena);
	free(n);
}

/* --- undoing ----------------------------------------------------------------------------------------------------- */

static void on_undone(struct container *c)
{
	struct wire_request *deleter = take_ptr(&c->deleter);
	struct sandbox *sb = c->sandbox;
	struct err err = c->creation->err;

	sandbox_fail_pending(c, &err);
	sandbox_drop(sb, c);
	sandbox_save(sb);
	if (deleter)
		wire_answer(deleter, NULL);
}

static void undo(struct container *c, const struct err *err)
{
	(void)err_copy(&c->creation->err, err);
	sandbox_unplug(c, on_undone);
}

/* True, and the creation is over, if there is nobody to create it for any more. */
static bool is_over(struct container *c)
{
	struct err err = ERR_INIT;

	if (c->sandbox->end == END_NONE && !c->deleter)
		return false;
	(void)err_say(&err, ECONNRESET, "create container '%s': %s", c->id, c->deleter ? DELETED : "its sandbox ends");
	undo(c, &err);
	return true;
}

void sandbox_cancel_creation(struct container *c, struct wire_request *request)
{
	c->deleter = request;
	/* All other steps end by themselves. */
	child_kill(&c->creation->packer);
}

/* --- the agent --------------------------------------------------------------------------------------------------- */

static void on_taken_back(void *arg, struct client_reply *reply)
{
	struct container *c = arg;
	const struct err err = c->creation->err;

	(void)reply;
	undo(c, &err);
}

/* The guest has it, and nobody would know. */
static void take_back(struct container *c, const struct err *err)
{
	Grpc__RemoveContainerRequest remove = GRPC__REMOVE_CONTAINER_REQUEST__INIT;

	c->status = CONTAINER_CREATING;
	(void)err_copy(&c->creation->err, err);
	remove.container_id = c->id;
	if (agentlink_call(&c->sandbox->link, "RemoveContainer", &remove.base, AGENTLINK_TIMEOUT_MS, on_taken_back, c) <
	    0)
		undo(c, err);
}

static void on_created(void *arg, struct client_reply *reply)
{
	struct container *c = arg;
	struct sandbox *sb = c->sandbox;
	struct json_object *result;
	struct err err = ERR_INIT;

	if (agentlink_check(reply, "create container", c->id, &err) < 0) {
		undo(c, &err);
		return;
	}
	c->status = CONTAINER_CREATED;
	if (c->deleter)
		(void)err_say(&err, ECONNRESET, "create container '%s': %s", c->id, DELETED);
	if (c->deleter || sandbox_try_save(sb, &err) < 0) {
		take_back(c, &err);
		return;
	}
	sandbox_forget_creation(c);
	sandbox_watch_exit(sb, c);
	result = json_object_new_object();
	if (result) {
		(void)json_object_object_add(result, "terminal", json_object_new_boolean(c->is_terminal));
		(void)json_object_object_add(result, "agent", json_object_new_string(hypervisor_agent(sb->vm)));
	}
	if (c->pending)
		wire_answer(take_ptr(&c->pending), result);
	else
		(void)json_object_put(result);
}

static int send_create(struct sandbox *sb, struct container *c, struct err *err)
{
	Grpc__CreateContainerRequest request = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	unsigned timeout_ms = patience_for_call(sb->config.runtime.create_container_timeout, sb->boot_ms);
	struct creation *n = c->creation;
	int r = pboci_spec_to_pb(&n->arena, n->spec, &request.oci, err);

	if (r < 0)
		return r;
	request.container_id = c->id;
	request.exec_id = c->id;
	request.sandbox_pidns = n->guest.sandbox_pidns;
	r = sandbox_tell_storages(c, &n->arena, n->spec, n->guest.is_root_disk, &request, err);
	if (r < 0)
		return r;
	r = agentlink_call(&sb->link, "CreateContainer", &request.base, timeout_ms, on_created, c);
	return r < 0 ? err_set(err, -r, "create container '%s'", c->id) : 0;
}

/* --- the steps before -------------------------------------------------------------------------------------------- */

static void on_copied(void *arg, const struct err *err)
{
	struct container *c = arg;
	struct err why = ERR_INIT;

	if (err)
		undo(c, err);
	else if (!is_over(c) && send_create(c->sandbox, c, &why) < 0)
		undo(c, &why);
}

static void plug_next(struct container *c);

static void on_plugged(void *arg, int slot, const struct err *err)
{
	struct container *c = arg;
	struct disk *d = sandbox_unplugged_disk(c);
	struct err why = ERR_INIT;

	/* QEMU has its own, if any. */
	d->source.fd = fd_close(d->source.fd);
	if (err) {
		(void)err_say(&why, err->num, "create container '%s': plug in the disk of '%s': %s", c->id,
		              d->path ? d->path : "/", err_text(err));
		undo(c, &why);
		return;
	}
	d->slot = slot;
	if (!is_over(c))
		plug_next(c);
}

static void plug_next(struct container *c)
{
	struct sandbox *sb = c->sandbox;
	struct disk *d = sandbox_unplugged_disk(c);
	struct err err = ERR_INIT;
	struct disks_spec spec;
	int r;

	if (!d) {
		sandbox_copy_files(sb, &c->creation->guest, &c->creation->copying, on_copied, c);
		return;
	}
	spec = (struct disks_spec){ d->source.fd, d->source.is_device, d->source.read_only,
		                    sb->config.hypervisor.block_device_aio };
	r = hypervisor_plug(sb->vm, &spec, on_plugged, c);
	if (r == 0)
		return;
	if (r == -ENOSPC)
		(void)err_say(&err, ENOSPC,
		              "create container '%s': the disk of '%s': the VM has as many as it can have", c->id,
		              d->path ? d->path : "/");
	else
		(void)err_set(&err, -r, "create container '%s': plug in the disk of '%s'", c->id,
		              d->path ? d->path : "/");
	undo(c, &err);
}

/* The VM is as large as it gets. */
static void on_room(void *arg)
{
	struct container *c = arg;

	if (!is_over(c))
		plug_next(c);
}

static void make_room(struct container *c)
{
	/* The VM was started with room for its first one. */
	if (!c->creation->is_first) {
		resize_ask(c->sandbox, on_room, c);
		return;
	}
	resize_pin(c->sandbox);
	on_room(c);
}

static void pack_next(struct container *c);

static void on_packed(struct child *child)
{
	struct container *c = child->owner;
	struct creation *n = c->creation;
	struct disk *d = sandbox_disk_to_pack(c);
	struct err err = ERR_INIT;

	if (child->status != 0) {
		_autofree_ char *line = child_last_line(n->pack_log);
		const char *why = line ? line : "packing one of its directories was killed";

		/* It says whose words these are, as every verb does. */
		if (strncmp(why, PACKER_SAYS, strlen(PACKER_SAYS)) == 0)
			why += strlen(PACKER_SAYS);
		(void)err_say(&err, EIO, "create container '%s': %s", c->id, why);
		undo(c, &err);
	} else if (rootfs_take_image(n->image, d->dir_read_only, &d->source, &err) < 0) {
		undo(c, &err);
	} else {
		n->image = fd_close(n->image);
		if (!is_over(c))
			pack_next(c);
	}
}

/* In a process of its own, for others want to be served meanwhile. */
static int pack(struct container *c, const struct disk *d, struct err *err)
{
	struct creation *n = c->creation;
	char *argv[] = { (char *)"/proc/self/exe", (char *)"pack", d->dir, (char *)(d->dir_read_only ? "ro" : "rw"),
		         NULL };
	struct child_spec spec = { .name = "pack", .argv = argv, .stdin_fd = -1, .fds = &n->image, .n_fds = 1 };

	n->image = rootfs_open_image(err);
	if (n->image < 0)
		return n->image;
	n->pack_log = arena_printf(&n->arena, "%s/pack-%s.log", c->sandbox->dir, c->id);
	if (!n->pack_log)
		return err_set(err, ENOMEM, "create container '%s'", c->id);
	spec.log = n->pack_log;
	n->packer.ended = on_packed;
	n->packer.owner = c;
	return child_start(c->sandbox->loop, &n->packer, &spec, err);
}

static void pack_next(struct container *c)
{
	struct disk *d = sandbox_disk_to_pack(c);
	struct err err = ERR_INIT;

	if (!d)
		make_room(c);
	else if (pack(c, d, &err) < 0)
		undo(c, &err);
}

static void begin(struct loop_deferred *deferred)
{
	struct creation *n = container_of(deferred, struct creation, begin);
	struct container *c = n->container;

	if (!is_over(c))
		pack_next(c);
}

/* --- the request ------------------------------------------------------------------------------------------------- */

/* Takes the arena over, in which all of it lives. */
static int keep_creation(struct container *c, struct arena *arena, struct oci_spec *spec, const struct guestspec *g)
{
	struct creation *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	*n = (struct creation){ .container = c, .arena = *arena, .spec = spec, .guest = *g, .image = -EBADF };
	list_init(&n->begin.link);
	n->begin.run = begin;
	n->packer.source.fd = -EBADF;
	*arena = (struct arena){ .max = 0 };
	c->creation = n;
	return 0;
}

static struct container *add_container(struct sandbox *sb, const char *id, const char *bundle,
                                       const struct oci_spec *spec)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	list_init(&c->link);
	list_init(&c->disks);
	list_init(&c->volumes);
	c->sandbox = sb;
	c->stdio.fd = -EBADF;
	c->id = strdup(id);
	c->bundle = strdup(bundle);
	c->annotations = json_object_new_object();
	c->created = time(NULL);
	c->is_terminal = spec->process && spec->process->terminal;
	if (!c->id || !c->bundle || !c->annotations || resize_demand(c, spec->linux->resources) < 0) {
		sandbox_free_container(c);
		return NULL;
	}
	for (size_t i = 0; i < spec->annotations.n; i++)
		(void)json_object_object_add(c->annotations, spec->annotations.v[i].key,
		                             json_object_new_string(spec->annotations.v[i].value));
	list_append(&sb->containers, &c->link);
	return c;
}

/* The first is the root file system. */
static int share_all(struct sandbox *sb, const struct guestspec *g, struct err *err)
{
	const struct config_list *mounts = &sb->config.runtime.sandbox_bind_mounts;
	int r = 0;

	if (strcmp(sb->config.hypervisor.shared_fs, "none") == 0)
		return 0;
	if (!sb->is_booted)
		r = share_prepare(sb->dir, err);
	if (r == 0 && !sb->is_booted)
		r = share_add_mounts(sb->dir, mounts->v, mounts->n, err);
	for (size_t i = g->is_root_disk; r == 0 && i < g->n_binds; i++)
		r = share_add(sb->dir, g->binds[i].source, g->binds[i].name, err);
	return r;
}

static int create(struct sandbox *sb, struct container *c, struct arena *arena, struct oci_spec *spec, struct err *err)
{
	const struct disk_policy policy = { c->id, sb->config.hypervisor.disable_block_device_use };
	struct guestspec_options o = { .id = c->id, .bundle = c->bundle };
	struct guestspec g = { .binds = NULL };
	bool is_first = !sb->is_booted, *is_guests = NULL;
	const char *pod;
	int r = annotation_role(&spec->annotations, &o.role, &pod, err);

	if (r < 0)
		return r;
	o.keep_seccomp = !sb->config.runtime.disable_guest_seccomp;
	if (spec->root_path)
		r = sandbox_find_root(c, spec, &o.is_root_disk, err);
	/* Before paths become the guest's. */
	if (is_first)
		sandbox_find_dns(sb, spec, arena);
	if (r == 0)
		r = disk_take_devices(arena, spec, &policy, &c->disks, &is_guests, err);
	if (r == 0)
		r = ephemeral_take(arena, spec, &c->volumes, is_guests, err);
	if (r == 0 && strcmp(sb->config.hypervisor.shared_fs, "none") == 0)
		r = disk_take_directories(arena, spec, &policy, c->bundle, &c->disks, is_guests, err);
	o.is_guests = is_guests;
	if (r == 0)
		r = guestspec_constrain(arena, spec, &o, &g, err);
	if (r == 0)
		r = share_all(sb, &g, err);
	if (r == 0 && is_first)
		r = sandbox_boot(sb, spec, err);
	sb->dns = NULL;
	sb->n_dns = 0;
	if (r < 0)
		return r;
	r = keep_creation(c, arena, spec, &g);
	if (r < 0)
		return err_set(err, -r, "create container '%s'", c->id);
	c->creation->is_first = is_first;
	loop_defer(sb->loop, &c->creation->begin);
	return 0;
}

/* The first request brings the configuration. */
static int take_config(struct sandbox *sb, struct wire_request *request, struct err *err)
{
	struct json_object *config, *kvm;
	int r;

	if (sb->is_booted || sb->config.hypervisor.path)
		return 0;
	if (!json_object_object_get_ex(request->json, "config", &config))
		return err_say(err, EINVAL, "create sandbox '%s': the request has no configuration", sb->id);
	sb->is_kvm = json_object_object_get_ex(request->json, "kvm", &kvm) && json_object_get_boolean(kvm);
	r = config_parse(&sb->config, config, err);
	if (r == 0 && sb->config.runtime.enable_debug)
		log_set_level(LOG_LEVEL_DEBUG);
	if (r == 0)
		r = network_open(&sb->network, &sb->config, sb->id, wire_text(request, "netns"),
		                 wire_text(request, "netns_path"), err);
	/* From here on somebody else can undo it. */
	if (r == 0)
		sandbox_save(sb);
	return r;
}

void sandbox_create(struct sandbox *sb, struct wire_request *request)
{
	const char *id = wire_text(request, "id"), *bundle = wire_text(request, "bundle");
	_autoarena_ struct arena arena = { .max = 0 };
	struct container *c = NULL;
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;
	int r;

	/* The loop turns while the first one boots the VM, which another must neither boot again nor end. */
	if (!sb->is_booted && !list_is_empty(&sb->containers)) {
		(void)err_say(&err, EAGAIN, "create container '%s': sandbox '%s' is not booted yet", id ? id : "",
		              sb->id);
		wire_fail(request, &err);
		return;
	}
	if (!id || !bundle || sb->end != END_NONE)
		r = err_say(&err, EINVAL, "create container '%s': %s", id ? id : "",
		            sb->end != END_NONE ? "its sandbox ends" : "id and bundle are needed");
	else if (strcmp(id, SANDBOX_MOUNTS) == 0)
		r = err_say(&err, EINVAL, "create container '%s': the name is taken, by what every sandbox shares", id);
	else if (sandbox_find(sb, id))
		r = err_say(&err, EEXIST, "container with id '%s' exists already", id);
	else
		r = take_config(sb, request, &err);
	if (r == 0)
		r = bundle_read(&arena, bundle, &spec, &err);
	if (r == 0) {
		c = add_container(sb, id, bundle, spec);
		r = c ? sandbox_try_save(sb, &err) : err_set(&err, ENOMEM, "create container '%s'", id);
		if (r == 0)
			r = create(sb, c, &arena, spec, &err);
	}
	if (r == 0) {
		c->pending = request;
		return;
	}
	wire_fail(request, &err);
	if (c)
		sandbox_drop(sb, c);
	if (!sb->is_booted)
		sandbox_end(sb, 0);
}
