/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cdi.h"

#include <errno.h>
#include <string.h>

#include "lib/hooks.h"
#include "lib/mem.h"

#define PREFIX     "cdi.k8s.io/"
#define LIST_MAX   4096 /* elements of a list of edits */
#define FILE_MODES 07777

/* --- annotations ------------------------------------------------------------------------------------------------- */

static bool is(const struct oci_spec *spec, const char *key, const char *value)
{
	const char *found = oci_annotation(spec, key);

	return found && strcmp(found, value) == 0;
}

static bool is_sandbox(const struct oci_spec *spec)
{
	return is(spec, "io.kubernetes.cri.container-type", "sandbox") ||
	       is(spec, "io.kubernetes.cri-o.ContainerType", "sandbox") ||
	       is(spec, "io.katacontainers.pkg.oci.container_type", "pod_sandbox");
}

/* "VENDOR/CLASS=NAME": one slash, and none of the three is empty. */
static bool is_name(const char *text)
{
	size_t vendor = strcspn(text, "/="), kind = strcspn(text, "=");

	return vendor > 0 && text[vendor] == '/' && kind > vendor + 1 && text[kind] == '=' && text[kind + 1] != '\0' &&
	       !strchr(text + kind + 1, '/') && !memchr(text + vendor + 1, '/', kind - vendor - 1);
}

static bool has(const struct oci_strings *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], text) == 0)
			return true;
	return false;
}

static int add_wanted(struct arena *arena, struct oci_strings *ret, const struct oci_pair *annotation, struct err *err)
{
	char *rest = arena_strdup(arena, annotation->value), *name;

	if (!rest)
		return err_set(err, ENOMEM, "read the CDI devices");
	while ((name = strsep(&rest, ","))) {
		if (!is_name(name))
			return err_say(err, EINVAL, "annotation '%s': '%s' is no CDI device (VENDOR/CLASS=NAME)",
			               annotation->key, name);
		if (has(ret, name))
			continue;
		if (ret->n == CDI_DEVICES_MAX)
			return err_say(err, E2BIG, "more than %d CDI devices", CDI_DEVICES_MAX);
		ret->v[ret->n++] = name;
	}
	return 0;
}

int cdi_find_wanted(struct arena *arena, const struct oci_spec *spec, struct oci_strings *ret, struct err *err)
{
	struct oci_strings list = { 0 };
	int r = 0;

	*ret = list;
	if (is_sandbox(spec))
		return 0;
	list.v = arena_array(arena, CDI_DEVICES_MAX + 1, sizeof(*list.v));
	if (!list.v)
		return err_set(err, ENOMEM, "read the CDI devices");
	for (size_t i = 0; i < spec->annotations.n && r >= 0; i++)
		if (strncmp(spec->annotations.v[i].key, PREFIX, strlen(PREFIX)) == 0)
			r = add_wanted(arena, &list, &spec->annotations.v[i], err);
	if (r >= 0)
		*ret = list;
	return r;
}

bool cdi_is_device(const char *device, const char *kind, const char *name)
{
	size_t n = strlen(kind);

	return strncmp(device, kind, n) == 0 && device[n] == '=' && strcmp(device + n + 1, name) == 0;
}

/* --- reading edits ----------------------------------------------------------------------------------------------- */

/* The specification that is being edited. */
struct edit {
	struct arena *arena;
	struct oci_spec *spec;
	struct jsontext_path path;
	struct err *err;
};

typedef int (*member_function)(struct edit *e, struct json_object *value, void *arg);

/* A member of an object, and where it goes. */
struct member {
	const char *name;
	member_function read;
	size_t offset; /* in the struct that is filled in */
};

static int no_memory(const struct edit *e)
{
	return err_set(e->err, ENOMEM, "apply CDI edits");
}

static int read_string(struct edit *e, struct json_object *value, void *arg)
{
	return jsontext_strdup(&e->path, value, e->arena, arg, e->err);
}

static int read_number(struct edit *e, struct json_object *value, void *arg)
{
	return jsontext_int64(&e->path, value, 0, UINT32_MAX, arg, e->err);
}

static int read_strings(struct edit *e, struct json_object *value, void *arg)
{
	struct oci_strings list = { 0 };
	size_t n = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : LIST_MAX + 1;

	if (n > LIST_MAX)
		return jsontext_expected(&e->path, e->err, "a list of strings, not too long", value);
	list.v = arena_array(e->arena, n + 1, sizeof(*list.v));
	if (!list.v)
		return no_memory(e);
	for (; list.n < n; list.n++) {
		size_t len = jsontext_path_push_index(&e->path, list.n);
		int r = read_string(e, json_object_array_get_idx(value, list.n), &list.v[list.n]);

		if (r < 0)
			return r;
		jsontext_path_pop(&e->path, len);
	}
	*(struct oci_strings *)arg = list;
	return 0;
}

static const struct member *find_member(const struct member *members, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

/* Every member is known, or the container would silently be another one than was meant. */
static int read_members(struct edit *e, struct json_object *object, const struct member *members, size_t n, void *arg)
{
	if (!json_object_is_type(object, json_type_object))
		return jsontext_expected(&e->path, e->err, "an object", object);
	json_object_object_foreach(object, name, value)
	{
		const struct member *m = find_member(members, n, name);
		size_t len = jsontext_path_push(&e->path, name);
		int r = m ? m->read(e, value, (char *)arg + m->offset)
		          : jsontext_say(&e->path, e->err, EOPNOTSUPP, "this edit is not supported");

		if (r < 0)
			return r;
		jsontext_path_pop(&e->path, len);
	}
	return 0;
}

/* Calls `each` for every element. */
static int read_list(struct edit *e, struct json_object *value, member_function each)
{
	size_t n = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : LIST_MAX + 1;

	if (n > LIST_MAX)
		return jsontext_expected(&e->path, e->err, "a list, not too long", value);
	for (size_t i = 0; i < n; i++) {
		size_t len = jsontext_path_push_index(&e->path, i);
		int r = each(e, json_object_array_get_idx(value, i), NULL);

		if (r < 0)
			return r;
		jsontext_path_pop(&e->path, len);
	}
	return 0;
}

/* The list of the specification with room for one more element, which are not ours to grow in place. */
static void *grow(const struct edit *e, const void *old, size_t n, size_t size)
{
	void *list = arena_array(e->arena, n + 2, size);

	if (list && n > 0)
		memcpy(list, old, n * size);
	return list;
}

/* --- what they change -------------------------------------------------------------------------------------------- */

static int add_variable(struct edit *e, struct json_object *value, void *arg)
{
	struct oci_strings *env = &e->spec->process->env;
	char *text = NULL;
	const char *equals;
	size_t i;
	int r = read_string(e, value, &text);

	(void)arg;
	if (r < 0)
		return r;
	equals = strchr(text, '=');
	if (!equals || equals == text)
		return jsontext_say(&e->path, e->err, EINVAL, "'%s' is no NAME=VALUE", text);
	for (i = 0; i < env->n; i++)
		if (strncmp(env->v[i], text, (size_t)(equals - text) + 1) == 0)
			break;
	if (i == env->n) {
		env->v = grow(e, env->v, env->n, sizeof(*env->v));
		if (!env->v)
			return no_memory(e);
		env->n++;
	}
	env->v[i] = text;
	return 0;
}

static int edit_env(struct edit *e, struct json_object *value, void *arg)
{
	(void)arg;
	return read_list(e, value, add_variable);
}

struct node {
	char *path, *host_path, *type, *permissions;
	int64_t major_nr, minor_nr, mode, uid, gid;
};

static int add_rule(struct edit *e, const struct oci_device *device, const char *permissions)
{
	struct oci_linux *lin = e->spec->linux;
	struct oci_device_rule *rule;

	if (!lin->resources)
		lin->resources = arena_alloc(e->arena, sizeof(*lin->resources));
	if (!lin->resources)
		return no_memory(e);
	if (strlen(permissions) > 3 || permissions[0] == '\0' || permissions[strspn(permissions, "rwm")] != '\0')
		return jsontext_say(&e->path, e->err, EINVAL, "'%s' are no permissions (rwm)", permissions);
	lin->resources->devices = grow(e, lin->resources->devices, lin->resources->n_devices, sizeof(*rule));
	if (!lin->resources->devices)
		return no_memory(e);
	rule = &lin->resources->devices[lin->resources->n_devices++];
	*rule = (struct oci_device_rule){ .allow = true,
		                          .type = device->type == 'u' ? 'c' : device->type,
		                          .major = device->major,
		                          .minor = device->minor };
	(void)strcpy(rule->access, permissions);
	return 0;
}

static int put_device(struct edit *e, const struct oci_device *device)
{
	struct oci_linux *lin = e->spec->linux;
	size_t i;

	for (i = 0; i < lin->n_devices; i++)
		if (lin->devices[i].path && strcmp(lin->devices[i].path, device->path) == 0)
			break;
	if (i == lin->n_devices) {
		lin->devices = grow(e, lin->devices, lin->n_devices, sizeof(*lin->devices));
		if (!lin->devices)
			return no_memory(e);
		lin->n_devices++;
	}
	lin->devices[i] = *device;
	return 0;
}

/* A node without an owner is the process's. */
static int add_node(struct edit *e, struct json_object *value, void *arg)
{
	static const struct member members[] = {
		{ "path", read_string, offsetof(struct node, path) },
		{ "hostPath", read_string, offsetof(struct node, host_path) },
		{ "type", read_string, offsetof(struct node, type) },
		{ "permissions", read_string, offsetof(struct node, permissions) },
		{ "major", read_number, offsetof(struct node, major_nr) },
		{ "minor", read_number, offsetof(struct node, minor_nr) },
		{ "fileMode", read_number, offsetof(struct node, mode) },
		{ "uid", read_number, offsetof(struct node, uid) },
		{ "gid", read_number, offsetof(struct node, gid) },
	};
	const struct oci_user *user = &e->spec->process->user;
	struct node node = { .mode = -1, .uid = user->uid, .gid = user->gid };
	struct oci_device device;
	int r = read_members(e, value, members, ARRAY_SIZE(members), &node);

	(void)arg;
	if (r < 0)
		return r;
	if (!node.path || node.path[0] != '/')
		return jsontext_say(&e->path, e->err, EINVAL, "a device node needs an absolute path");
	if (!node.type || strlen(node.type) != 1 || !strchr("bcup", node.type[0]))
		return jsontext_say(&e->path, e->err, EINVAL, "'%s' is no type of a device node",
		                    node.type ? node.type : "");
	device = (struct oci_device){ .path = node.path,
		                      .type = node.type[0],
		                      .major = node.major_nr,
		                      .minor = node.minor_nr,
		                      .uid = (uid_t)node.uid,
		                      .gid = (gid_t)node.gid };
	device.has_mode = node.mode >= 0;
	device.mode = device.has_mode ? (mode_t)node.mode & FILE_MODES : 0;
	r = put_device(e, &device);
	if (r < 0 || device.type == 'p')
		return r;
	return add_rule(e, &device, node.permissions ? node.permissions : "rwm");
}

static int edit_nodes(struct edit *e, struct json_object *value, void *arg)
{
	(void)arg;
	return read_list(e, value, add_node);
}

/* It goes to the end, and whatever was at its place goes: what is mounted below of it comes before. */
static int put_mount(struct edit *e, const struct oci_mount *mount)
{
	struct oci_spec *s = e->spec;
	struct oci_mount *list = grow(e, s->mounts, s->n_mounts, sizeof(*list));
	size_t n = 0;

	if (!list)
		return no_memory(e);
	for (size_t i = 0; i < s->n_mounts; i++)
		if (strcmp(list[i].destination, mount->destination) != 0)
			list[n++] = list[i];
	list[n++] = *mount;
	s->mounts = list;
	s->n_mounts = n;
	return 0;
}

static int add_mount(struct edit *e, struct json_object *value, void *arg)
{
	static const struct member members[] = {
		{ "hostPath", read_string, offsetof(struct oci_mount, source) },
		{ "containerPath", read_string, offsetof(struct oci_mount, destination) },
		{ "type", read_string, offsetof(struct oci_mount, type) },
		{ "options", read_strings, offsetof(struct oci_mount, options) },
	};
	struct oci_mount mount = { 0 };
	int r = read_members(e, value, members, ARRAY_SIZE(members), &mount);

	(void)arg;
	if (r < 0)
		return r;
	if (!mount.source || !mount.destination || mount.destination[0] != '/')
		return jsontext_say(&e->path, e->err, EINVAL, "a mount needs hostPath and an absolute containerPath");
	/* CDI's mounts are binds, said or not. */
	if (!mount.type && !has(&mount.options, "bind") && !has(&mount.options, "rbind")) {
		static char rbind[] = "rbind";

		mount.type = arena_strdup(e->arena, "bind");
		mount.options.v = grow(e, mount.options.v, mount.options.n, sizeof(*mount.options.v));
		if (!mount.type || !mount.options.v)
			return no_memory(e);
		mount.options.v[mount.options.n++] = rbind;
	}
	return put_mount(e, &mount);
}

static int edit_mounts(struct edit *e, struct json_object *value, void *arg)
{
	(void)arg;
	return read_list(e, value, add_mount);
}

struct named_hook {
	char *name;
	struct oci_hook hook;
};

static int find_hooks(struct edit *e, const char *name, struct oci_hook_list **ret)
{
	if (!e->spec->hooks)
		e->spec->hooks = arena_alloc(e->arena, sizeof(*e->spec->hooks));
	if (!e->spec->hooks)
		return no_memory(e);
	*ret = name ? hooks_find(e->spec->hooks, name) : NULL;
	return *ret ? 0 : jsontext_say(&e->path, e->err, EINVAL, "'%s' is no name of a hook", name ? name : "");
}

static int add_hook(struct edit *e, struct json_object *value, void *arg)
{
	static const struct member members[] = {
		{ "hookName", read_string, offsetof(struct named_hook, name) },
		{ "path", read_string, offsetof(struct named_hook, hook.path) },
		{ "args", read_strings, offsetof(struct named_hook, hook.args) },
		{ "env", read_strings, offsetof(struct named_hook, hook.env) },
		{ "timeout", read_number, offsetof(struct named_hook, hook.timeout) },
	};
	struct named_hook hook = { 0 };
	struct oci_hook_list *list = NULL;
	int r = read_members(e, value, members, ARRAY_SIZE(members), &hook);

	(void)arg;
	r = r < 0 ? r : find_hooks(e, hook.name, &list);
	if (!list)
		return r;
	list->v = grow(e, list->v, list->n, sizeof(*list->v));
	if (!list->v)
		return no_memory(e);
	list->v[list->n++] = hook.hook;
	return 0;
}

static int edit_hooks(struct edit *e, struct json_object *value, void *arg)
{
	(void)arg;
	return read_list(e, value, add_hook);
}

static int add_group(struct edit *e, struct json_object *value, void *arg)
{
	struct oci_user *user = &e->spec->process->user;
	int64_t gid = 0;
	int r = read_number(e, value, &gid);

	(void)arg;
	if (r < 0 || gid == 0)
		return r;
	user->groups = grow(e, user->groups, user->n_groups, sizeof(*user->groups));
	if (!user->groups)
		return no_memory(e);
	user->groups[user->n_groups++] = (gid_t)gid;
	return 0;
}

static int edit_groups(struct edit *e, struct json_object *value, void *arg)
{
	(void)arg;
	return read_list(e, value, add_group);
}

int cdi_apply(struct arena *arena, struct oci_spec *spec, const char *edits, size_t len, struct err *err)
{
	static const struct member members[] = {
		{ "env", edit_env, 0 },     { "deviceNodes", edit_nodes, 0 },     { "mounts", edit_mounts, 0 },
		{ "hooks", edit_hooks, 0 }, { "additionalGids", edit_groups, 0 },
	};
	_autojson_ struct json_object *json = NULL;
	struct edit e = { .arena = arena, .spec = spec, .err = err };
	int r = jsontext_parse(edits, len, &json, err);

	if (r < 0)
		return err_wrap(err, "CDI edits");
	if (!json_object_is_type(json, json_type_array))
		return err_say(err, EINVAL, "CDI edits: expected a list");
	for (size_t i = 0; i < json_object_array_length(json) && r >= 0; i++) {
		struct json_object *one = json_object_array_get_idx(json, i);

		e.path = (struct jsontext_path){ .len = 0 };
		(void)jsontext_path_push(&e.path, "containerEdits");
		r = read_members(&e, one, members, ARRAY_SIZE(members), spec);
	}
	return r < 0 ? err_wrap(err, "CDI") : 0;
}
