/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cdi_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/cdi.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/path.h"
#include "lib/sys.h"

#define KNOWN_MAX 256 /* bytes of the devices that an error lists */

/* One specification. */
struct file {
	char *name; /* for messages */
	int dir;    /* its rank: a higher one wins */
	struct json_object *json;
	const char *kind;
	bool is_used; /* its own edits are in the result */
};

struct search {
	int root;
	struct file files[CDI_FILES_MAX];
	size_t n;
	struct err bad; /* the first file that could not be read; it may be on its way still */
};

static void search_reset(struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->files[i].name);
		(void)json_object_put(s->files[i].json);
	}
	s->n = 0;
	s->bad = (struct err)ERR_INIT;
}

static void search_freep(struct search **s)
{
	if (*s)
		search_reset(*s);
	free(*s);
}

/* --- reading the files ------------------------------------------------------------------------------------------- */

static int check_kind(const char *name, struct json_object *json, const char **ret, struct err *err)
{
	struct json_object *kind, *devices;
	struct jsontext_path path = { .len = 0 };
	int r;

	if (!json_object_object_get_ex(json, "kind", &kind))
		return err_say(err, EINVAL, "'%s': kind is missing", name);
	(void)jsontext_path_push(&path, "kind");
	r = jsontext_string(&path, kind, ret, err);
	if (r >= 0 && json_object_object_get_ex(json, "devices", &devices) &&
	    !json_object_is_type(devices, json_type_array))
		r = err_say(err, EINVAL, "devices is no list");
	return r < 0 ? err_wrap(err, "'%s'", name) : 0;
}

static int read_file(struct search *s, int dir, int rank, const char *where, const char *name, struct err *err)
{
	_autofree_ char *text = NULL, *full = NULL;
	_autojson_ struct json_object *json = NULL;
	const char *kind = NULL;
	size_t len = 0;
	int r;

	if (asprintf(&full, "/%s/%s", where, name) < 0) {
		full = NULL;
		return err_set(err, ENOMEM, "read '%s'", name);
	}
	r = fd_read_file_at(dir, name, CDI_FILE_MAX, &text, &len);
	if (r < 0)
		return err_set(err, r, "read '%s'", full);
	r = jsontext_parse(text, len, &json, err);
	if (r < 0)
		return err_wrap(err, "'%s'", full);
	r = check_kind(full, json, &kind, err);
	if (r < 0)
		return r;
	if (s->n == CDI_FILES_MAX)
		return err_say(err, E2BIG, "more than %d CDI specifications", CDI_FILES_MAX);
	s->files[s->n++] = (struct file){ take_ptr(&full), rank, take_ptr(&json), kind, false };
	return 0;
}

static bool is_specification(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && strcmp(dot, ".json") == 0;
}

static int read_dir(struct search *s, const char *where, int rank, struct err *err)
{
	_autodir_ DIR *stream = NULL;
	int fd = sys_openat2(s->root, where, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_IN_ROOT), r;
	struct dirent *entry;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return -ENOENT;
	if (fd < 0)
		return err_set(err, fd, "open '/%s'", where);
	r = sys_fdopendir(fd, &stream);
	if (r < 0)
		(void)fd_close(fd);
	while (r >= 0 && (r = sys_readdir(stream, &entry)) == 1) {
		struct err own = ERR_INIT;

		/* It is none of ours maybe, or half written. */
		if (is_specification(entry->d_name) && read_file(s, fd, rank, where, entry->d_name, &own) < 0 &&
		    s->bad.num == 0)
			(void)err_copy(&s->bad, &own);
	}
	return r < 0 ? err_set(err, r, "read '/%s'", where) : 0;
}

static int read_all(struct search *s, struct err *err)
{
	int r;

	search_reset(s);
	r = read_dir(s, "etc/cdi", 0, err);
	if (r < 0 && r != -ENOENT)
		return r;
	r = read_dir(s, "var/run/cdi", 1, err);
	if (r == -ENOENT)
		r = read_dir(s, "run/cdi", 1, err);
	return r == -ENOENT ? 0 : r;
}

/* --- finding devices --------------------------------------------------------------------------------------------- */

static const char *device_name(struct json_object *device)
{
	struct json_object *name = NULL;

	return json_object_object_get_ex(device, "name", &name) && json_object_is_type(name, json_type_string)
	               ? json_object_get_string(name)
	               : NULL;
}

static struct json_object *find_in_file(const struct file *f, const char *wanted)
{
	struct json_object *devices = NULL;

	if (!json_object_object_get_ex(f->json, "devices", &devices))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(devices); i++) {
		struct json_object *device = json_object_array_get_idx(devices, i);
		const char *name = device_name(device);

		if (name && cdi_is_device(wanted, f->kind, name))
			return device;
	}
	return NULL;
}

/* 1 and the device, 0 if nobody has it, -EEXIST if two of one directory do. */
static int find_device(struct search *s, const char *wanted, struct file **ret, struct json_object **ret_device,
                       struct err *err)
{
	struct file *best = NULL, *rival = NULL;

	for (size_t i = 0; i < s->n; i++) {
		struct file *f = &s->files[i];
		struct json_object *device = find_in_file(f, wanted);

		if (!device || (best && f->dir < best->dir))
			continue;
		rival = best && best->dir == f->dir ? best : NULL;
		best = f;
		*ret_device = device;
	}
	if (rival)
		return err_say(err, EEXIST, "CDI device '%s' is in '%s' and in '%s'", wanted, rival->name, best->name);
	*ret = best;
	return best ? 1 : 0;
}

static bool is_absent(struct json_object *node, const char *name)
{
	struct json_object *value;

	return !json_object_object_get_ex(node, name, &value);
}

static const char *text_of(struct json_object *node, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(node, name, &value) ? json_object_get_string(value) : NULL;
}

/* Type and numbers are those of the guest's node, unless the specification has them all. */
static int complete_node(int root, struct json_object *node, struct err *err)
{
	const char *path = text_of(node, "hostPath");
	_autoclose_ int fd = -EBADF;
	struct stat st;
	int r;

	if (!is_absent(node, "type") && !is_absent(node, "major") && !is_absent(node, "minor"))
		return 0;
	path = path ? path : text_of(node, "path");
	if (!path || !path_is_clean(path))
		return err_say(err, EINVAL, "device node '%s': the path must be absolute and without '..'",
		               path ? path : "");
	fd = path_open_in(root, path, 0);
	r = fd < 0 ? fd : sys_fstatat(fd, "", &st, AT_EMPTY_PATH);
	if (r < 0)
		return err_set(err, r, "device node '%s'", path);
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_say(err, ENODEV, "device node '%s': it is no device", path);
	json_object_object_del(node, "type");
	json_object_object_del(node, "major");
	json_object_object_del(node, "minor");
	r = jsontext_add(node, "type", json_object_new_string(S_ISBLK(st.st_mode) ? "b" : "c"));
	r = r < 0 ? r : jsontext_add(node, "major", json_object_new_int64(major(st.st_rdev)));
	r = r < 0 ? r : jsontext_add(node, "minor", json_object_new_int64(minor(st.st_rdev)));
	return r < 0 ? err_set(err, r, "describe device node '%s'", path) : 0;
}

/* Takes over the edits of an object, if it has any. */
static int add_edits(int root, struct json_object *list, struct json_object *owner, struct err *err)
{
	struct json_object *edits = NULL, *nodes = NULL;
	int r = 0;

	if (!json_object_object_get_ex(owner, "containerEdits", &edits))
		return 0;
	if (json_object_is_type(edits, json_type_object) && json_object_object_get_ex(edits, "deviceNodes", &nodes) &&
	    json_object_is_type(nodes, json_type_array))
		for (size_t i = 0; i < json_object_array_length(nodes) && r >= 0; i++) {
			struct json_object *node = json_object_array_get_idx(nodes, i);

			if (json_object_is_type(node, json_type_object))
				r = complete_node(root, node, err);
		}
	if (r < 0)
		return r;
	r = jsontext_append(list, json_object_get(edits));
	return r < 0 ? err_set(err, r, "collect CDI edits") : 0;
}

/* 1 if all are there, 0 if one is not (its name is noted), -errno. */
static int collect(struct search *s, const struct oci_strings *wanted, struct json_object *list, const char **missing,
                   struct err *err)
{
	for (size_t i = 0; i < wanted->n; i++) {
		struct json_object *device = NULL;
		struct file *f = NULL;
		int r = find_device(s, wanted->v[i], &f, &device, err);

		if (r <= 0) {
			*missing = wanted->v[i];
			return r;
		}
		r = f->is_used ? 0 : add_edits(s->root, list, f->json, err);
		f->is_used = true;
		r = r < 0 ? r : add_edits(s->root, list, device, err);
		if (r < 0)
			return err_wrap(err, "CDI device '%s' in '%s'", wanted->v[i], f->name);
	}
	return 1;
}

static int say_missing(const struct search *s, const char *missing, unsigned timeout_ms, struct err *err)
{
	_autobuf_ struct buf known = { .max = KNOWN_MAX };

	for (size_t i = 0; i < s->n; i++) {
		struct json_object *devices = NULL;
		size_t n = json_object_object_get_ex(s->files[i].json, "devices", &devices)
		                   ? json_object_array_length(devices)
		                   : 0;

		for (size_t k = 0; k < n; k++) {
			const char *name = device_name(json_object_array_get_idx(devices, k));

			if (name)
				(void)buf_printf(&known, "%s%s=%s", known.len > 0 ? ", " : "", s->files[i].kind, name);
		}
	}
	return err_say(err, ENODEV, "CDI device '%s' has not come within %u ms (agent.cdi_timeout); there are: %s%s%s",
	               missing, timeout_ms, known.len > 0 ? buf_str(&known) : "none", s->bad.num ? "; " : "",
	               s->bad.num ? s->bad.text : "");
}

/* One look: as collect; the edits are in ret when it is 1. */
static int look(struct search *s, const struct oci_strings *wanted, struct buf *ret, const char **missing,
                struct err *err)
{
	_autojson_ struct json_object *list = json_object_new_array();
	const char *text;
	int r;

	if (!list)
		return err_set(err, ENOMEM, "collect CDI edits");
	r = read_all(s, err);
	r = r < 0 ? r : collect(s, wanted, list, missing, err);
	if (r <= 0)
		return r;
	text = json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	r = text ? buf_add(ret, text, strlen(text)) : -ENOMEM;
	return r < 0 ? err_set(err, r, "collect CDI edits") : 1;
}

int cdi_find(int root, const struct oci_strings *wanted, unsigned timeout_ms, struct buf *ret, struct err *err)
{
	_cleanup_(search_freep) struct search *s = calloc(1, sizeof(*s));
	int64_t end = sys_now_ms() + timeout_ms;
	const char *missing = NULL;
	int r;

	if (!s)
		return err_set(err, ENOMEM, "look for CDI devices");
	s->root = root;
	for (;;) {
		r = look(s, wanted, ret, &missing, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (sys_now_ms() >= end)
			return say_missing(s, missing, timeout_ms, err);
		/* Whoever writes them may take as long as it takes to load a driver; rarely, and this is a job. */
		(void)sys_poll(NULL, 0, CDI_RETRY_MS);
	}
}
