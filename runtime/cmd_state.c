/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "lib/jsontext.h"
#include "lib/oci_state.h"
#include "runtime/command.h"
#include "runtime/view.h"

static const struct flag options[] = { { 0 } };

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	_autojson_ struct json_object *o = json_object_new_object();
	_autoview_ struct view v = { .sandbox = NULL };
	struct json_object *annotations = NULL;
	int r = view_open(rt->root, argv[0], &v, err);

	(void)arg;
	(void)argc;
	if (r < 0)
		return r;
	if (!o)
		return err_set(err, ENOMEM, "print the state of container '%s'", argv[0]);
	(void)json_object_object_add(o, "ociVersion", json_object_new_string(OCI_STATE_VERSION));
	(void)json_object_object_add(o, "id", json_object_new_string(argv[0]));
	(void)json_object_object_add(o, "status", json_object_new_string(v.status));
	(void)json_object_object_add(o, "pid", json_object_new_int(v.pid));
	(void)json_object_object_add(o, "bundle", json_object_new_string(jsontext_text(v.container, "bundle")));
	if (v.container && json_object_object_get_ex(v.container, "annotations", &annotations))
		(void)json_object_object_add(o, "annotations", json_object_get(annotations));
	(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	return 0;
}

const struct command cmd_state = {
	"state", "<container-id>", "print the state of a container", 1, 1, options, 0, run,
};
