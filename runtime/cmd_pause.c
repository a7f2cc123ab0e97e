/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/jsontext.h"
#include "runtime/ask.h"
#include "runtime/command.h"
#include "runtime/view.h"

#define ASK_MS 70000

static const struct flag options[] = { { 0 } };

static int ask(const struct runtime *rt, const char *verb, const char *id, struct err *err)
{
	_autojson_ struct json_object *request = ask_new(verb, id);
	_autoview_ struct view v = { .sandbox = NULL };
	int r = view_open_running(rt->root, id, &v, err);

	return r < 0 ? r : view_ask(rt->root, &v, request, ASK_MS, NULL, err);
}

static int run_pause(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	(void)arg;
	(void)argc;
	return ask(rt, "pause", argv[0], err);
}

static int run_resume(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	(void)arg;
	(void)argc;
	return ask(rt, "resume", argv[0], err);
}

const struct command cmd_pause = {
	"pause", "<container-id>", "suspend all processes of a container", 1, 1, options, 0, run_pause,
};

const struct command cmd_resume = {
	"resume", "<container-id>", "resume all processes of a container", 1, 1, options, 0, run_resume,
};
