/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/remove.h"

#include <errno.h>
#include <string.h>

#include "lib/jsontext.h"
#include "runtime/ask.h"
#include "runtime/hosthooks.h"
#include "runtime/place.h"
#include "runtime/teardown.h"
#include "runtime/view.h"

#define ASK_MS 70000

/* The container, or all of its sandbox, was ended by somebody else meanwhile. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED;
}

int remove_container(const struct runtime *rt, const char *id, bool force, struct err *err)
{
	_autojson_ struct json_object *request = NULL, *hooks = NULL;
	_autoview_ struct view v = { .sandbox = NULL };
	int r = view_open(rt->root, id, &v, err);

	if (r == -ENOENT && force)
		return 0;
	if (r < 0)
		return r;
	if (strcmp(v.status, "stopped") != 0 && !force)
		return err_say(err, EBUSY, "delete container '%s': it is %s, should be stopped", id, v.status);
	if (strcmp(v.sandbox, id) == 0) {
		/* Those of its other containers too: nobody can delete them any more. */
		hooks = hosthooks_take(rt->root, v.sandbox, NULL);
		r = teardown_sandbox(rt->root, v.sandbox, err);
		hosthooks_stop(rt, hooks);
		return r;
	}
	/* With its sandbox gone there is nothing left of it but the name. */
	if (v.is_served && v.container) {
		request = ask_new("delete", id);
		r = view_ask(rt->root, &v, request, ASK_MS, NULL, err);
		if (r < 0 && !is_gone(r))
			return r;
	}
	hooks = hosthooks_take(rt->root, v.sandbox, id);
	place_unlink(rt->root, id);
	hosthooks_stop(rt, hooks);
	return 0;
}
