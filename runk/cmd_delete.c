/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>

#include "runk/command.h"
#include "runk/lifecycle.h"

struct delete_options {
	bool force;
};

static const struct flag options[] = {
	{ "force", 'f', FLAG_BOOL, offsetof(struct delete_options, force), "kill the container if it is running" },
	{ 0 },
};

static int delete_one(const struct runk *runk, const char *id, bool force, struct err *err)
{
	_autostate_ struct state s = STATE_INIT;
	struct err why = ERR_INIT;
	enum state_status status;
	int r = state_open(runk, id, true, &s, &why);

	if (r == -ENOENT && force)
		return 0;
	if (r < 0)
		return err_copy(err, &why);
	status = state_status(&s);
	/* A created one has run nothing yet; a half-made one never will, now that we hold its lock. */
	if (!force && (status == STATE_RUNNING || status == STATE_PAUSED))
		return err_say(err, EBUSY, "cannot delete container '%s' that is not stopped: %s", id,
		               state_status_name(status));
	return lifecycle_destroy(runk, &s, err);
}

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	const struct delete_options *o = arg;
	int r = 0;

	for (int i = 0; i < argc && r >= 0; i++)
		r = delete_one(runk, argv[i], o->force, err);
	return r;
}

const struct command cmd_delete = {
	"delete",
	"<container-id>...",
	"remove what a container holds",
	1,
	-1,
	false,
	options,
	sizeof(struct delete_options),
	run,
	0,
};
