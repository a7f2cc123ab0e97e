/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/view.h"

#include <errno.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/procstart.h"
#include "runtime/place.h"
#include "runtime/supervisor.h"
#include "runtime/wire.h"

int view_open_process(struct json_object *process)
{
	return proc_open((pid_t)jsontext_number(process, "pid"), (uint64_t)jsontext_number(process, "start"));
}

static bool is_alive(struct json_object *process)
{
	return proc_is_alive((pid_t)jsontext_number(process, "pid"), (uint64_t)jsontext_number(process, "start"));
}

static struct json_object *find_container(struct json_object *state, const char *id)
{
	struct json_object *containers, *c;

	if (!json_object_object_get_ex(state, "containers", &containers) ||
	    !json_object_is_type(containers, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(containers); i++) {
		c = json_object_array_get_idx(containers, i);
		if (strcmp(jsontext_text(c, "id"), id) == 0)
			return c;
	}
	return NULL;
}

int view_open(const char *root, const char *id, struct view *ret, struct err *err)
{
	struct view v = { .status = "creating" };
	struct json_object *supervisor;
	struct err unread = ERR_INIT;
	int r = place_find(root, id, &v.sandbox, err);

	if (r < 0)
		return r;
	r = place_read_state(root, v.sandbox, &v.state, &unread);
	if (r < 0 && r != -ENOENT) {
		view_done(&v);
		return err_copy(err, &unread);
	}
	if (v.state && json_object_object_get_ex(v.state, "supervisor", &supervisor))
		v.is_served = is_alive(supervisor);
	v.container = v.state ? find_container(v.state, id) : NULL;
	if (v.container) {
		v.status = jsontext_text(v.container, "status");
		v.pid = is_alive(v.container) ? (pid_t)jsontext_number(v.container, "pid") : 0;
	}
	/* What nobody looks after does not run: its VM has ended with its supervisor. */
	if (v.state && !v.is_served)
		v.status = "stopped";
	*ret = v;
	return 0;
}

int view_open_running(const char *root, const char *id, struct view *ret, struct err *err)
{
	int r = view_open(root, id, ret, err);

	if (r == 0 && strcmp(ret->status, "stopped") == 0)
		return err_say(err, ESRCH, "container not running: '%s' is stopped", id);
	return r;
}

void view_done(struct view *v)
{
	free(v->sandbox);
	(void)json_object_put(v->state);
	*v = (struct view){ .sandbox = NULL };
}

int view_ask(const char *root, const struct view *v, struct json_object *request, unsigned timeout_ms,
             struct json_object **ret, struct err *err)
{
	_autofree_ char *path = place_path(root, v->sandbox, SUPERVISOR_SOCKET);
	_autoclose_ int fd = -EBADF;

	if (!path || !request)
		return err_set(err, ENOMEM, "ask the sandbox's supervisor");
	fd = wire_connect(path, err);
	return fd < 0 ? fd : wire_ask(fd, request, timeout_ms, ret, err);
}
