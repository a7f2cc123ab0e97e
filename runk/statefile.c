/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/statefile.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "lib/jsontext.h"

static int add_text(struct json_object *to, const char *name, const char *text)
{
	return jsontext_add(to, name, json_object_new_string(text ? text : ""));
}

static int add_annotations(struct json_object *to, const struct oci_pairs *pairs)
{
	_autojson_ struct json_object *object = json_object_new_object();
	int r = object ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < pairs->n; i++)
		r = add_text(object, pairs->v[i].key, pairs->v[i].value);
	return r < 0 ? r : jsontext_add(to, "annotations", take_ptr(&object));
}

static const char *owner_name(uid_t uid)
{
	const struct passwd *user = uid == 0 ? NULL : getpwuid(uid);

	if (uid == 0)
		return "root";
	return user ? user->pw_name : "";
}

static int add_ours(struct json_object *to, const struct state *s)
{
	int r = jsontext_add(to, "owner", json_object_new_int64(s->owner));

	if (r == 0)
		r = jsontext_add(to, "startTime", json_object_new_uint64(s->start_time));
	if (r == 0 && s->cgroup)
		r = add_text(to, "cgroup", s->cgroup);
	if (r == 0)
		r = jsontext_add(to, "paused", json_object_new_boolean(s->paused));
	if (r == 0)
		r = jsontext_add(to, "hasHooks", json_object_new_boolean(s->has_hooks));
	if (r == 0 && s->shares_mounts)
		r = jsontext_add(to, "mountsBefore", json_object_new_int64(s->mounts_before));
	if (r == 0)
		r = jsontext_add(to, "sharesPids", json_object_new_boolean(s->shares_pids));
	if (r == 0)
		r = jsontext_add(to, "hasUserns", json_object_new_boolean(s->has_userns));
	return r < 0 ? r : jsontext_add(to, "systemd", json_object_new_boolean(s->systemd));
}

static int fill(struct json_object *to, const struct state *s, enum state_status status, enum statefile_form form)
{
	bool ours = form == STATEFILE_OURS;
	/* A number that is nobody's any more, or somebody else's by now, is not told. */
	int r = add_text(to, "ociVersion", s->version ? s->version : RUNK_SPEC_VERSION);

	if (r == 0)
		r = add_text(to, "id", s->id);
	if (r == 0)
		r = jsontext_add(to, "pid", json_object_new_int64(ours || status != STATE_STOPPED ? s->pid : 0));
	if (r == 0)
		r = add_text(to, "status", state_status_name(status));
	if (r == 0)
		r = add_text(to, "bundle", s->bundle);
	if (r == 0)
		r = add_text(to, "rootfs", s->rootfs);
	if (r == 0)
		r = add_text(to, "created", s->created);
	if (r == 0 && s->annotations.n > 0)
		r = add_annotations(to, &s->annotations);
	if (r == 0)
		r = ours ? add_ours(to, s) : add_text(to, "owner", owner_name(s->owner));
	return r;
}

int statefile_format(const struct state *s, enum state_status status, enum statefile_form form, struct buf *out)
{
	_autojson_ struct json_object *object = json_object_new_object();
	int r = object ? fill(object, s, status, form) : -ENOMEM;
	int flags =
		form == STATEFILE_PRETTY ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN;
	const char *text;

	if (r < 0)
		return r;
	text = json_object_to_json_string_ext(object, flags | JSON_C_TO_STRING_NOSLASHESCAPE);
	return text ? buf_add(out, text, strlen(text)) : -ENOMEM;
}

static struct json_object *find(struct json_object *in, const char *name, enum json_type type)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(in, name, &value) && json_object_is_type(value, type) ? value : NULL;
}

static const char *text_of(struct state *s, struct json_object *in, const char *name)
{
	struct json_object *value = find(in, name, json_type_string);

	return value ? arena_strdup(&s->arena, json_object_get_string(value)) : NULL;
}

static int parse_annotations(struct json_object *in, struct state *s)
{
	struct json_object *object = find(in, "annotations", json_type_object);
	size_t n = object ? (size_t)json_object_object_length(object) : 0;
	struct oci_pair *v = arena_array(&s->arena, n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	s->annotations = (struct oci_pairs){ .v = v };
	if (n == 0)
		return 0;
	json_object_object_foreach(object, key, value)
	{
		const char *text = json_object_get_string(value);

		v[s->annotations.n].key = arena_strdup(&s->arena, key);
		v[s->annotations.n++].value = arena_strdup(&s->arena, text ? text : "");
	}
	return 0;
}

int statefile_parse(const char *text, size_t len, struct state *s, struct err *err)
{
	_autojson_ struct json_object *object = NULL;
	struct json_object *pid, *start, *owner;
	int r = jsontext_parse(text, len, &object, err);

	if (r < 0)
		return err_wrap(err, "state of container '%s'", s->id);
	pid = find(object, "pid", json_type_int);
	start = find(object, "startTime", json_type_int);
	owner = find(object, "owner", json_type_int);
	if (!pid || !start || !owner)
		return err_say(err, EINVAL, "state of container '%s': a member is missing", s->id);
	s->pid = (pid_t)json_object_get_int(pid);
	s->start_time = json_object_get_uint64(start);
	s->owner = (uid_t)json_object_get_int64(owner);
	s->paused = json_object_get_boolean(find(object, "paused", json_type_boolean));
	s->shares_mounts = find(object, "mountsBefore", json_type_int) != NULL;
	s->mounts_before = s->shares_mounts ? json_object_get_int(find(object, "mountsBefore", json_type_int)) : 0;
	s->shares_pids = json_object_get_boolean(find(object, "sharesPids", json_type_boolean));
	s->has_userns = json_object_get_boolean(find(object, "hasUserns", json_type_boolean));
	s->systemd = json_object_get_boolean(find(object, "systemd", json_type_boolean));
	s->has_hooks = json_object_get_boolean(find(object, "hasHooks", json_type_boolean));
	s->version = text_of(s, object, "ociVersion");
	s->bundle = text_of(s, object, "bundle");
	s->rootfs = text_of(s, object, "rootfs");
	s->created = text_of(s, object, "created");
	s->cgroup = text_of(s, object, "cgroup");
	r = parse_annotations(object, s);
	return r < 0 ? err_set(err, r, "state of container '%s'", s->id) : 0;
}
