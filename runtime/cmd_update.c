/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/jsontext.h"
#include "lib/oci_update.h"
#include "runtime/ask.h"
#include "runtime/command.h"
#include "runtime/view.h"

#define ASK_MS 120000 /* the VM may have to grow first */

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	_autojson_ struct json_object *request = ask_new("update", argv[0]);
	_autoarena_ struct arena arena = { .max = 0 };
	_autobuf_ struct buf text = BUF_INIT;
	_autoview_ struct view v = { .sandbox = NULL };
	struct oci_resources *resources = NULL;
	int r = view_open_running(rt->root, argv[0], &v, err);

	(void)argc;
	if (r == 0)
		r = oci_update_make(&arena, arg, &resources, err);
	if (r < 0)
		return r;
	r = oci_resources_format(resources, &text);
	if (r == 0)
		r = jsontext_add(request, "resources", json_object_new_string(buf_str(&text)));
	return r < 0 ? err_set(err, -r, "update container '%s'", argv[0])
	             : view_ask(rt->root, &v, request, ASK_MS, NULL, err);
}

const struct command cmd_update = {
	"update", "<container-id>", "change the limits of a container", 1,
	1,        oci_update_flags, sizeof(struct oci_update_options),  run,
};
