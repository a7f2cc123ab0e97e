/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/pty.h"
#include "lib/sendfd.h"
#include "lib/spawn.h"
#include "lib/sys.h"
#include "runtime/annotation.h"
#include "runtime/ask.h"
#include "runtime/bundle.h"
#include "runtime/configload.h"
#include "runtime/kvm.h"
#include "runtime/place.h"
#include "runtime/supervisor.h"
#include "runtime/teardown.h"
#include "runtime/view.h"
#include "runtime/wire.h"

#define ASK_MS    70000  /* more than a call of the agent may take */
#define CREATE_MS 120000 /* beside the guest's boot */

struct launch {
	const struct runtime *rt;
	const struct launch_options *o;
	const char *id;
	char *bundle;
	char *sandbox;
	bool is_sandbox;
	bool is_terminal;
	int master, slave; /* of the terminal */
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
	l->is_terminal = l->spec->process && l->spec->process->terminal;
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
	return config_check_files(c, err);
}

/* The engine's terminal: it gets the master, the stdio process the slave. */
static int open_terminal(struct launch *l, struct err *err)
{
	_autoclose_ int top = -EBADF;
	int r;

	if (!l->is_terminal || (l->o->console_socket == NULL && isatty(STDIN_FILENO)))
		return 0;
	if (!l->o->console_socket)
		return err_say(err, EINVAL,
		               "create container '%s': process.terminal needs --console-socket or a terminal", l->id);
	top = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (top < 0)
		return err_set(err, -top, "open '/'");
	r = pty_open_in(top, "dev/pts/ptmx", &l->master, &l->slave, err);
	return r < 0 ? r : sendfd_to(l->o->console_socket, "/dev/ptmx", l->master, err);
}

static int ask_create(struct launch *l, int fd, const struct config *c, struct err *err)
{
	_autojson_ struct json_object *request = ask_new("create", l->id);
	struct json_object *config = c ? config_format(c) : NULL;
	unsigned timeout_ms = CREATE_MS;

	if (!request || (c && !config) ||
	    json_object_object_add(request, "bundle", json_object_new_string(l->bundle)) != 0)
		return err_set(err, ENOMEM, "create container '%s'", l->id);
	if (c) {
		timeout_ms += (unsigned)(2 * c->agent.dial_timeout + c->runtime.create_container_timeout) * 1000;
		(void)json_object_object_add(request, "config", config);
		(void)json_object_object_add(request, "kvm", json_object_new_boolean(kvm_is_wanted(&c->hypervisor)));
	}
	return wire_ask(fd, request, timeout_ms, NULL, err);
}

static int create_sandbox(struct launch *l, struct err *err)
{
	_autoconfig_ struct config c = { .arena = { .max = 0 } };
	_autoclose_ int fd = -EBADF;
	int r = read_config(l, &c, err);

	if (r == 0)
		r = place_make(l->rt->root, l->sandbox, err);
	if (r < 0)
		return r;
	fd = supervisor_start(l->rt->root, l->sandbox, err);
	return fd < 0 ? fd : ask_create(l, fd, &c, err);
}

static int create_in_sandbox(struct launch *l, struct err *err)
{
	_autofree_ char *path = place_path(l->rt->root, l->sandbox, SUPERVISOR_SOCKET);
	_autoclose_ int fd = path ? wire_connect(path, err) : err_set(err, ENOMEM, "find sandbox '%s'", l->sandbox);

	return fd < 0 ? err_wrap(err, "create container '%s' in sandbox '%s'", l->id, l->sandbox)
	              : ask_create(l, fd, NULL, err);
}

static pid_t start_stdio(struct launch *l, int *ret_pidfd, struct err *err)
{
	_autojson_ struct json_object *state = NULL;
	char *argv[8] = { (char *)"kata-runtime", (char *)"--root", (char *)l->rt->root, (char *)"stdio" };
	struct spawn_spec spec = { .path = "/proc/self/exe", .argv = argv, .stdio = { 0, 1, 2 } };

	if (place_read_state(l->rt->root, l->sandbox, &state, err) < 0)
		return err_wrap(err, "start the stdio process of '%s'", l->id);
	argv[4] = (char *)view_text(state, "agent");
	argv[5] = (char *)l->id;
	argv[6] = l->is_terminal ? (char *)"terminal" : NULL;
	if (l->slave >= 0) {
		spec.stdio[0] = spec.stdio[1] = spec.stdio[2] = l->slave;
		spec.new_session = spec.interactive = true;
	}
	return spawn_run(&spec, ret_pidfd, err);
}

static int ask_attach(struct launch *l, pid_t pid, struct err *err)
{
	_autojson_ struct json_object *request = ask_new("attach", l->id);
	struct view v = { .sandbox = l->sandbox };

	if (request)
		(void)json_object_object_add(request, "pid", json_object_new_int(pid));
	return view_ask(l->rt->root, &v, request, ASK_MS, NULL, err);
}

/* Whoever waits for the file may read it as soon as it is there. */
static int write_pid_file(const char *path, pid_t pid, struct err *err)
{
	_autofree_ char *new = NULL;
	_autoclose_ int fd = -EBADF;
	char text[16];
	int r;

	if (!path)
		return 0;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	if (asprintf(&new, "%s.%d", path, (int)getpid()) < 0)
		return err_set(err, ENOMEM, "write the pid file '%s'", path);
	fd = sys_openat(AT_FDCWD, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	r = fd < 0 ? fd : fd_write_all(fd, text, strlen(text));
	if (r == 0)
		r = sys_renameat(AT_FDCWD, new, AT_FDCWD, path);
	return r < 0 ? err_set(err, -r, "write the pid file '%s'", path) : 0;
}

static void undo(struct launch *l)
{
	_autojson_ struct json_object *request = NULL;
	struct view v = { .sandbox = l->sandbox };

	if (l->is_sandbox) {
		(void)teardown_sandbox(l->rt->root, l->sandbox, NULL);
	} else {
		request = ask_new("delete", l->id);
		(void)view_ask(l->rt->root, &v, request, ASK_MS, NULL, NULL);
	}
	place_unlink(l->rt->root, l->id);
}

static pid_t create_linked(struct launch *l, int *ret_pidfd, struct err *err)
{
	pid_t pid;
	int r = open_terminal(l, err);

	if (r == 0)
		r = l->is_sandbox ? create_sandbox(l, err) : create_in_sandbox(l, err);
	if (r < 0)
		return r;
	pid = start_stdio(l, ret_pidfd, err);
	if (pid < 0)
		return pid;
	r = ask_attach(l, pid, err);
	if (r == 0)
		r = write_pid_file(l->o->pid_file, pid, err);
	return r < 0 ? r : pid;
}

pid_t launch_create(const struct runtime *rt, const struct launch_options *o, const char *id, int *ret_pidfd,
                    struct err *err)
{
	struct launch l = { .rt = rt, .o = o, .id = id, .master = -EBADF, .slave = -EBADF };
	pid_t pid = place_check_id(id, err);

	if (pid == 0)
		pid = read_bundle(&l, err);
	if (pid == 0)
		pid = place_link(rt->root, id, l.sandbox, err);
	if (pid == 0) {
		pid = create_linked(&l, ret_pidfd, err);
		if (pid < 0)
			undo(&l);
	}
	(void)fd_close(l.master);
	(void)fd_close(l.slave);
	free(l.bundle);
	free(l.sandbox);
	arena_done(&l.arena);
	return pid;
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
	return view_ask(rt->root, &v, request, ASK_MS, NULL, err);
}
