/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "lib/jsontext.h"
#include "lib/signame.h"
#include "runtime/ask.h"
#include "runtime/command.h"
#include "runtime/view.h"

#define ASK_MS 120000 /* the whole end of a VM, when it resists */

struct kill_options {
	bool all;
};

static const struct flag options[] = {
	{ "all", 'a', FLAG_BOOL, offsetof(struct kill_options, all), "signal every process of the container" },
	{ 0 },
};

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	const struct kill_options *o = arg;
	_autojson_ struct json_object *request = ask_new("kill", argv[0]);
	_autoview_ struct view v = { .sandbox = NULL };
	int r, signo = signame_parse(argc > 1 ? argv[1] : "TERM");

	if (signo < 0)
		return err_say(err, EINVAL, "unknown signal \"%s\"", argv[1]);
	r = view_open(rt->root, argv[0], &v, err);
	if (r < 0)
		return r;
	if (strcmp(v.status, "stopped") == 0)
		return o->all ? 0 : err_say(err, ESRCH, "container not running: '%s' is stopped", argv[0]);
	if (!request || json_object_object_add(request, "signal", json_object_new_int(signo)) != 0 ||
	    json_object_object_add(request, "all", json_object_new_boolean(o->all)) != 0)
		return err_set(err, ENOMEM, "signal container '%s'", argv[0]);
	r = view_ask(rt->root, &v, request, ASK_MS, NULL, err);
	/* Who asks for the end has it: with its supervisor, killed a moment ago, the VM goes. */
	if ((o->all || signo == SIGKILL || signo == SIGTERM) && (r == -ECONNRESET || r == -EPIPE || r == -ECONNREFUSED))
		return 0;
	return r;
}

const struct command cmd_kill = {
	"kill",
	"<container-id> [signal]",
	"send a signal (default: SIGTERM); TERM and KILL end a sandbox's VM too",
	1,
	2,
	options,
	sizeof(struct kill_options),
	run,
};
