/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/launch.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "runtime/annotation.h"
#include "runtime/ask.h"
#include "runtime/bundle.h"
#include "runtime/configload.h"
#include "runtime/hosthooks.h"
#include "runtime/hypervisor/patience.h"
#include "runtime/kvm.h"
#include "runtime/network/netns.h"
#include "runtime/place.h"
#include "runtime/stdio.h"
#include "runtime/supervisor.h"
#include "runtime/teardown.h"
#include "runtime/view.h"
#include "runtime/wire.h"

#define ASK_MS    70000  /* more than a call of the agent may take */
#define CREATE_MS 120000 /* beside the guest's boot */
#define PACK_MS   660000 /* a root file system, for a VM that runs */

struct launch {
	const struct runtime *rt;
	const struct launch_options *o;
	const char *id;
	char *bundle;
	char *sandbox;
	bool is_sandbox;
	struct stdio *stdio;
	struct netns_wish netns; /* where we are, once the container is asked for */
	struct arena arena;
	struct oci_spec *spec;
};

static int read_bundle(struct launch *l, struct err *err)
{
	enum pod_role role = POD_SINGLE_CONTAINER;
	const char *pod = NULL;
	int r;

	l->bundle = realpath(l->o->bundle ? l->o->bundle : ".", NULL);
	if (!l->bundle)
		return err_set(err, errno, "find the bundle '%s'", l->o->bundle ? l->o->bundle : ".");
	r = bundle_read(&l->arena, l->bundle, &l->spec, err);
	if (r == 0)
		r = annotation_role(&l->spec->annotations, &role, &pod, err);
	if (r < 0)
		return r;
	l->is_sandbox = role != POD_CONTAINER;
	l->stdio->is_terminal = l->spec->process && l->spec->process->terminal;
	l->sandbox = strdup(l->is_sandbox ? l->id : pod);
	if (!l->sandbox)
		return err_set(err, ENOMEM, "create container '%s'", l->id);
	return place_check_id(l->sandbox, err);
}

static int read_config(struct launch *l, struct config *c, struct err *err)
{
	_autoconfigfile_ struct configfile file = { .path = NULL };
	int r = configload(l->rt->config, &l->spec->annotations, &file, c, err);

	if (r < 0)
		return r;
	runtime_log(l->rt, "info", "Using configuration '%s'", file.real);
	for (size_t i = 0; i < c->unknown.n; i++)
		runtime_log(l->rt, "warning", "Configuration '%s': there is no key '%s', ignoring", file.path,
		            c->unknown.v[i]);
	r = config_check_files(c, err);
	return r < 0 ? err_wrap(err, "configuration '%s'", file.path) : 0;
}

/* The supervisor opens our own namespace while we wait for it; a path that outlives us is for whoever cleans up. */
static void add_netns(const struct launch *l, struct json_object *request)
{
	char text[64];

	if (l->netns.kind == NETNS_OWN)
		return;
	(void)snprintf(text, sizeof(text), "/proc/%d/ns/net", (int)getpid());
	(void)json_object_object_add(request, "netns", json_object_new_string(text));
	if (l->netns.path)
		(void)json_object_object_add(request, "netns_path", json_object_new_string(l->netns.path));
}

static int ask_create(struct launch *l, int fd, const struct config *c, struct err *err)
{
	_autojson_ struct json_object *request = ask_new("create", l->id), *answer = NULL;
	struct json_object *config = c ? config_format(c) : NULL;
	unsigned timeout_ms = CREATE_MS + PACK_MS;
	/* Whoever runs it does not want to wait for a guest that does not come. */
	_autoclose_ int signals = stdio_open_signals();
	int r;

	if (!request || (c && !config) ||
	    json_object_object_add(request, "bundle", json_object_new_string(l->bundle)) != 0)
		return err_set(err, ENOMEM, "create container '%s'", l->id);
	if (c) {
		timeout_ms += patience_longest(c->agent.dial_timeout, c->runtime.create_container_timeout);
		(void)json_object_object_add(request, "config", config);
		add_netns(l, request);
		(void)json_object_object_add(request, "kvm", json_object_new_boolean(kvm_is_wanted(&c->hypervisor)));
	}
	r = wire_ask_unless(fd, signals, request, timeout_ms, &answer, err);
	if (r == -EINTR)
		return err_wrap(err, "create container '%s'", l->id);
	return r < 0 ? r : stdio_take_answer(l->stdio, answer, err);
}

/* In the container's network, before anything of it is there. */
static int run_hooks(const struct launch *l, struct err *err)
{
	const struct hosthooks h = { l->id, l->bundle, l->netns.path, l->spec };
	int r = hosthooks_keep(l->rt->root, l->sandbox, &h, err);

	return r < 0 ? r : hosthooks_create(&h, err);
}

static int create_sandbox(struct launch *l, struct err *err)
{
	_autoconfig_ struct config c = { .arena = { .max = 0 } };
	_autoclose_ int fd = -EBADF;
	int r = read_config(l, &c, err);

	if (r == 0)
		r = netns_wish_of(l->spec, &c.runtime, l->id, &l->netns, err);
	if (r == 0)
		r = place_make(l->rt->root, l->sandbox, err);
	if (r < 0)
		return r;
	fd = supervisor_start(l->rt->root, l->sandbox, err);
	/* The supervisor stays where it is; what the engine takes for the container's process is in its network. */
	r = fd < 0 ? fd : netns_enter(&l->netns, err);
	if (r == 0)
		r = run_hooks(l, err);
	return r < 0 ? r : ask_create(l, fd, &c, err);
}

static int create_in_sandbox(struct launch *l, struct err *err)
{
	_autofree_ char *path = place_path(l->rt->root, l->sandbox, SUPERVISOR_SOCKET);
	_autoclose_ int fd = path ? wire_connect(path, err) : err_set(err, ENOMEM, "find sandbox '%s'", l->sandbox);
	const struct oci_namespace *ns = oci_find_namespace(l->spec->linux, CLONE_NEWNET);
	int r;

	if (fd == -ENOENT)
		return err_say(err, ENOENT, "create container '%s' in sandbox '%s': there is none of that name", l->id,
		               l->sandbox);
	if (fd < 0)
		return err_wrap(err, "create container '%s' in sandbox '%s'", l->id, l->sandbox);
	/* The VM's network is there: the namespace matters to what the engine takes for the container's process. */
	if (ns && ns->path && *ns->path)
		l->netns = (struct netns_wish){ NETNS_PATH, ns->path };
	r = netns_enter(&l->netns, err);
	if (r == 0)
		r = run_hooks(l, err);
	return r < 0 ? r : ask_create(l, fd, NULL, err);
}

static void undo(struct launch *l)
{
	_autojson_ struct json_object *request = NULL, *hooks = NULL;
	struct view v = { .sandbox = l->sandbox };

	hooks = hosthooks_take(l->rt->root, l->sandbox, l->id);
	if (l->is_sandbox) {
		(void)teardown_sandbox(l->rt->root, l->sandbox, NULL);
	} else {
		request = ask_new("delete", l->id);
		(void)view_ask(l->rt->root, &v, request, ASK_MS, NULL, NULL);
	}
	place_unlink(l->rt->root, l->id);
	hosthooks_stop(l->rt, hooks);
}

static int create_linked(struct launch *l, struct err *err)
{
	const struct view v = { .sandbox = l->sandbox };
	int r = stdio_reserve_pid_file(l->stdio, l->o->pid_file, err);

	if (r == 0)
		r = stdio_open_terminal(l->stdio, l->o->console_socket, err);
	if (r == 0)
		r = l->is_sandbox ? create_sandbox(l, err) : create_in_sandbox(l, err);
	if (r == 0)
		r = stdio_start(l->stdio, &v, err);
	return r < 0 ? r : stdio_write_pid_file(l->stdio, err);
}

int launch_create(const struct runtime *rt, const struct launch_options *o, const char *id, struct stdio *stdio,
                  struct err *err)
{
	struct launch l = { .rt = rt, .o = o, .id = id, .stdio = stdio };
	int r = place_check_id(id, err);

	stdio->root = rt->root;
	stdio->cid = id;
	if (r == 0)
		r = read_bundle(&l, err);
	if (r == 0)
		r = place_link(rt->root, id, l.sandbox, err);
	if (r == 0) {
		r = create_linked(&l, err);
		if (r < 0)
			undo(&l);
	}
	free(l.bundle);
	free(l.sandbox);
	arena_done(&l.arena);
	return r;
}

int launch_start(const struct runtime *rt, const char *id, struct err *err)
{
	_autojson_ struct json_object *request = ask_new("start", id);
	_autoview_ struct view v = { .sandbox = NULL };
	int r = view_open(rt->root, id, &v, err);

	if (r < 0)
		return r;
	if (strcmp(v.status, "created") != 0)
		return err_say(err, EINVAL, "start container '%s': it is '%s', not 'created'", id, v.status);
	r = view_ask(rt->root, &v, request, ASK_MS, NULL, err);
	if (r == 0)
		hosthooks_start(rt, v.sandbox, id, v.pid);
	return r;
}
