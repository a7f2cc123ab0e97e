/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "lib/jsontext.h"
#include "lib/log.h"
#include "lib/procstart.h"
#include "runtime/place.h"
#include "runtime/sandbox.h"

static const char *const status_names[] = {
	[CONTAINER_CREATING] = "creating",
	[CONTAINER_CREATED] = "created",
	[CONTAINER_RUNNING] = "running",
	[CONTAINER_STOPPED] = "stopped",
};

static const char *status_name(const struct container *c)
{
	return c->is_paused && c->status == CONTAINER_RUNNING ? "paused" : status_names[c->status];
}

static struct json_object *format_container(const struct container *c)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	(void)json_object_object_add(o, "id", json_object_new_string(c->id));
	(void)json_object_object_add(o, "status", json_object_new_string(status_name(c)));
	(void)json_object_object_add(o, "pid", json_object_new_int(c->pid));
	(void)json_object_object_add(o, "start", json_object_new_uint64(c->start_time));
	(void)json_object_object_add(o, "exit_code", json_object_new_int(c->exit_code));
	(void)json_object_object_add(o, "created", json_object_new_int64(c->created));
	(void)json_object_object_add(o, "bundle", json_object_new_string(c->bundle));
	(void)json_object_object_add(o, "annotations", json_object_get(c->annotations));
	return o;
}

static struct json_object *format_supervisor(void)
{
	struct json_object *o = json_object_new_object();
	uint64_t start = 0;

	(void)proc_start_time(getpid(), &start);
	if (o) {
		(void)json_object_object_add(o, "pid", json_object_new_int(getpid()));
		(void)json_object_object_add(o, "start", json_object_new_uint64(start));
	}
	return o;
}

/* What the VM has, and what it should have. */
static struct json_object *format_size(const struct resize *r)
{
	const struct {
		const char *name;
		int64_t value;
	} figures[] = {
		{ "vcpus", r->now.vcpus },
		{ "memory_mib", r->now.memory_mib },
		{ "wanted_vcpus", r->want.vcpus },
		{ "wanted_memory_mib", r->want.memory_mib },
	};
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
		(void)jsontext_add(o, figures[i].name, json_object_new_int64(figures[i].value));
	return o;
}

int sandbox_try_save(struct sandbox *sb, struct err *err)
{
	struct json_object *state = json_object_new_object(), *containers = json_object_new_array();
	struct json_object *processes = json_object_new_array();
	int r;

	if (!state || !containers || !processes) {
		(void)json_object_put(containers);
		(void)json_object_put(processes);
		(void)json_object_put(state);
		return err_set(err, ENOMEM, "write the state of sandbox '%s'", sb->id);
	}
	list_foreach(c, &sb->containers, struct container, link)
		(void)json_object_array_add(containers, format_container(c));
	if (sb->vm) {
		(void)hypervisor_list(sb->vm, processes);
		(void)json_object_object_add(state, "agent", json_object_new_string(hypervisor_agent(sb->vm)));
	}
	(void)json_object_object_add(state, "version", json_object_new_int(1));
	(void)json_object_object_add(state, "sandbox", json_object_new_string(sb->id));
	(void)json_object_object_add(state, "supervisor", format_supervisor());
	(void)json_object_object_add(state, "processes", processes);
	if (sb->resize.now.vcpus > 0)
		(void)jsontext_add(state, "size", format_size(&sb->resize));
	(void)json_object_object_add(state, "containers", containers);
	if (sb->ended)
		(void)jsontext_add(state, "ended", json_object_new_string(sb->ended));
	(void)json_object_object_add(state, "network", network_record(&sb->network));
	(void)json_object_object_add(state, "cgroups", hostcgroup_record(&sb->cgroups));
	r = place_write_state(sb->root, sb->id, state, err);
	(void)json_object_put(state);
	return r;
}

void sandbox_save(struct sandbox *sb)
{
	struct err err = ERR_INIT;

	if (sandbox_try_save(sb, &err) < 0)
		log_error("sandbox", "%s, ignoring", err_text(&err));
}
