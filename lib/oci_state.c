/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/oci_state.h"

#include <errno.h>
#include <string.h>

#include "lib/jsontext.h"

static int add_text(struct json_object *object, const char *name, const char *text)
{
	return jsontext_add(object, name, json_object_new_string(text ? text : ""));
}

static struct json_object *make_annotations(const struct oci_pairs *pairs)
{
	_autojson_ struct json_object *object = json_object_new_object();

	for (size_t i = 0; object && i < pairs->n; i++)
		if (add_text(object, pairs->v[i].key, pairs->v[i].value) < 0)
			return NULL;
	return take_ptr(&object);
}

static struct json_object *make_state(const struct oci_state *state)
{
	_autojson_ struct json_object *object = json_object_new_object();
	int r = object ? 0 : -ENOMEM;

	r = r < 0 ? r : add_text(object, "ociVersion", OCI_STATE_VERSION);
	r = r < 0 ? r : add_text(object, "id", state->id);
	r = r < 0 ? r : add_text(object, "status", state->status);
	r = r < 0 ? r : jsontext_add(object, "pid", json_object_new_int64(state->pid));
	r = r < 0 ? r : add_text(object, "bundle", state->bundle);
	if (r == 0 && state->annotations && state->annotations->n > 0)
		r = jsontext_add(object, "annotations", make_annotations(state->annotations));
	return r < 0 ? NULL : take_ptr(&object);
}

static int print(struct json_object *object, struct buf *out)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE);

	return text ? buf_add(out, text, strlen(text)) : -ENOMEM;
}

int oci_state_format(const struct oci_state *state, struct buf *out)
{
	_autojson_ struct json_object *object = make_state(state);

	return object ? print(object, out) : -ENOMEM;
}

int oci_process_state_format(const struct oci_state *state, pid_t pid, const char *metadata, struct buf *out)
{
	_autojson_ struct json_object *object = json_object_new_object(), *fds = json_object_new_array();
	int r = object && fds ? 0 : -ENOMEM;

	if (r == 0)
		r = json_object_array_add(fds, json_object_new_string("seccompFd")) < 0 ? -ENOMEM : 0;
	r = r < 0 ? r : add_text(object, "ociVersion", OCI_STATE_VERSION);
	r = r < 0 ? r : jsontext_add(object, "fds", take_ptr(&fds));
	r = r < 0 ? r : jsontext_add(object, "pid", json_object_new_int64(pid));
	if (r == 0 && metadata)
		r = add_text(object, "metadata", metadata);
	r = r < 0 ? r : jsontext_add(object, "state", make_state(state));
	return r < 0 ? r : print(object, out);
}
