/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/teardown.h"

#include <errno.h>
#include <signal.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/sys.h"
#include "runtime/ask.h"
#include "runtime/hostcgroup/hostcgroup.h"
#include "runtime/network/network.h"
#include "runtime/place.h"
#include "runtime/share.h"
#include "runtime/view.h"

#define END_MS  60000 /* the whole ladder of a supervisor */
#define EXIT_MS 5000

static bool wait_exit(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int r;

	do {
		r = sys_poll(&p, 1, timeout_ms);
	} while (r == -EINTR);
	return r > 0;
}

/* It gets `patience_ms` to end by itself. */
static void end_process(struct json_object *process, int patience_ms)
{
	_autoclose_ int pidfd = view_open_process(process);

	if (pidfd < 0 || (patience_ms > 0 && wait_exit(pidfd, patience_ms)))
		return;
	(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	(void)wait_exit(pidfd, EXIT_MS);
}

static void end_all(struct json_object *state, const char *member, int patience_ms)
{
	struct json_object *array;

	if (!json_object_object_get_ex(state, member, &array) || !json_object_is_type(array, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(array); i++)
		end_process(json_object_array_get_idx(array, i), patience_ms);
}

static void ask_to_end(const char *root, const char *sandbox)
{
	_autojson_ struct json_object *request = ask_new("delete", sandbox);
	struct view v = { .sandbox = (char *)sandbox };

	(void)view_ask(root, &v, request, END_MS, NULL, NULL);
}

int teardown_sandbox(const char *root, const char *sandbox, struct err *err)
{
	_autojson_ struct json_object *state = NULL, *last = NULL;
	_autofree_ char *dir = place_path(root, sandbox, NULL);
	struct json_object *supervisor, *network, *cgroups;
	int r;

	if (!dir)
		return err_set(err, ENOMEM, "remove sandbox '%s'", sandbox);
	/* One that could not write its state may be there, too. */
	ask_to_end(root, sandbox);
	if (place_read_state(root, sandbox, &state, NULL) == 0) {
		if (json_object_object_get_ex(state, "supervisor", &supervisor))
			end_process(supervisor, EXIT_MS);
		/* What it did at last counts. */
		if (place_read_state(root, sandbox, &last, NULL) == 0) {
			end_all(last, "processes", 0);
			end_all(last, "containers", EXIT_MS);
			if (json_object_object_get_ex(last, "network", &network))
				network_undo(network);
			if (json_object_object_get_ex(last, "cgroups", &cgroups))
				hostcgroup_remove(cgroups);
		}
	}
	r = share_clean(dir, err);
	return r < 0 ? r : place_remove(root, sandbox, err);
}
