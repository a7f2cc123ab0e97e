/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hosthooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/sys.h"
#include "runtime/network/netns.h"
#include "runtime/place.h"

#define PREFIX    "hooks-"
#define SUFFIX    ".json"
#define FILE_MAX_ (16u << 20)

static char *path_of(const char *root, const char *sandbox, const char *id)
{
	_autofree_ char *name = NULL;

	return asprintf(&name, PREFIX "%s" SUFFIX, id) < 0 ? NULL : place_path(root, sandbox, name);
}

/* --- keeping ----------------------------------------------------------------------------------------------------- */

/* Only what hooks need: their lists, and what their state says. */
static struct json_object *format(const struct hosthooks *h)
{
	struct oci_linux none = { 0 };
	const struct oci_spec spec = { .version = h->spec->version,
		                       .hooks = h->spec->hooks,
		                       .annotations = h->spec->annotations,
		                       .linux = &none };
	_autobuf_ struct buf text = BUF_INIT;
	struct json_object *o;

	if (oci_spec_format(&spec, &text) < 0)
		return NULL;
	o = json_object_new_object();
	if (!o || json_object_object_add(o, "id", json_object_new_string(h->id)) != 0 ||
	    json_object_object_add(o, "bundle", json_object_new_string(h->bundle)) != 0 ||
	    json_object_object_add(o, "netns", json_object_new_string(h->netns ? h->netns : "")) != 0 ||
	    json_object_object_add(o, "spec", json_object_new_string(buf_str(&text))) != 0) {
		(void)json_object_put(o);
		return NULL;
	}
	return o;
}

int hosthooks_keep(const char *root, const char *sandbox, const struct hosthooks *h, struct err *err)
{
	_autofree_ char *path = NULL;
	_autojson_ struct json_object *o = NULL;
	_autoclose_ int fd = -EBADF;
	const char *text;
	int r;

	if (hooks_of(h->spec, HOOK_POSTSTART)->n + hooks_of(h->spec, HOOK_POSTSTOP)->n == 0)
		return 0;
	path = path_of(root, sandbox, h->id);
	o = path ? format(h) : NULL;
	text = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : NULL;
	if (!text)
		return err_set(err, ENOMEM, "keep the hooks of '%s'", h->id);
	fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? fd : fd_write_all(fd, text, strlen(text));
	return r < 0 ? err_set(err, -r, "keep the hooks of '%s' in '%s'", h->id, path) : 0;
}

static struct json_object *load(const char *path)
{
	_autofree_ char *text = NULL;
	size_t n;

	return fd_read_file_at(AT_FDCWD, path, FILE_MAX_, &text, &n) < 0 ? NULL : json_tokener_parse(text);
}

/* --- running ----------------------------------------------------------------------------------------------------- */

static struct oci_state state_of(const char *id, const char *status, pid_t pid, const char *bundle,
                                 const struct oci_spec *spec)
{
	return (struct oci_state){ id, status, pid, bundle, &spec->annotations };
}

int hosthooks_create(const struct hosthooks *h, struct err *err)
{
	static const enum hook_kind kinds[] = { HOOK_PRESTART, HOOK_CREATE_RUNTIME };
	/* The container has no process yet; ours is in its network, which is what such hooks want to know. */
	const struct oci_state state = state_of(h->id, "creating", getpid(), h->bundle, h->spec);
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
		r = hooks_run(hooks_of(h->spec, kinds[i]), kinds[i], &state, 0, err);
	return r;
}

/* A namespace that has gone is no reason not to run them. */
static int visit(const char *netns)
{
	_autoclose_ int fd = *netns ? sys_openat(AT_FDCWD, netns, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0) : -EBADF;
	int back = -EBADF;

	if (fd >= 0)
		(void)netns_visit(fd, &back, NULL);
	return back;
}

static void run_kept(const struct runtime *rt, struct json_object *kept, enum hook_kind kind, const char *status,
                     pid_t pid)
{
	const char *id = jsontext_text(kept, "id"), *text = jsontext_text(kept, "spec");
	_autoarena_ struct arena arena = { .max = 0 };
	_autobuf_ struct buf warnings = BUF_INIT;
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;
	struct oci_state state;
	int back;

	if (oci_spec_parse(&arena, text, strlen(text), &spec, &err) < 0) {
		runtime_log(rt, "warning", "run the %s hooks of '%s': %s", hooks_name(kind), id, err_text(&err));
		return;
	}
	state = state_of(id, status, pid, jsontext_text(kept, "bundle"), spec);
	back = visit(jsontext_text(kept, "netns"));
	(void)hooks_run_all(hooks_of(spec, kind), kind, &state, 0, &warnings);
	netns_return(back);
	for (const char *line = warnings.len > 0 ? buf_str(&warnings) : ""; *line;) {
		int len = (int)strcspn(line, "\n");

		runtime_log(rt, "warning", "%.*s, ignoring", len, line);
		line += len + (line[len] == '\n');
	}
}

void hosthooks_start(const struct runtime *rt, const char *sandbox, const char *id, pid_t pid)
{
	_autofree_ char *path = path_of(rt->root, sandbox, id);
	_autojson_ struct json_object *kept = path ? load(path) : NULL;

	if (kept)
		run_kept(rt, kept, HOOK_POSTSTART, "running", pid);
}

static void take_one(struct json_object *array, const char *path)
{
	struct json_object *kept = load(path);

	if (kept && json_object_array_add(array, kept) != 0)
		(void)json_object_put(kept);
	(void)unlink(path);
}

static void take_all(struct json_object *array, const char *root, const char *sandbox)
{
	_autofree_ char *top = place_path(root, sandbox, NULL);
	_autodir_ DIR *dir = top ? opendir(top) : NULL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		_autofree_ char *path = strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0
		                                ? place_path(root, sandbox, entry->d_name)
		                                : NULL;

		if (path)
			take_one(array, path);
	}
}

struct json_object *hosthooks_take(const char *root, const char *sandbox, const char *id)
{
	_autofree_ char *path = id ? path_of(root, sandbox, id) : NULL;
	struct json_object *array = json_object_new_array();

	if (array && path)
		take_one(array, path);
	else if (array && !id)
		take_all(array, root, sandbox);
	return array;
}

void hosthooks_stop(const struct runtime *rt, struct json_object *kept)
{
	for (size_t i = 0; kept && i < json_object_array_length(kept); i++)
		run_kept(rt, json_object_array_get_idx(kept, i), HOOK_POSTSTOP, "stopped", 0);
}
