/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "lib/fd.h"
#include "runk/command.h"
#include "runk/create_options.h"
#include "runk/lifecycle.h"
#include "runk/notify.h"
#include "runk/supervise.h"

static const struct flag options[] = {
	CREATE_OPTIONS,
	{ "detach", 'd', FLAG_BOOL, offsetof(struct create_options, launch.detach), "do not wait for its end" },
	{ "no-subreaper", 0, FLAG_BOOL, offsetof(struct create_options, no_subreaper), "do not adopt its orphans" },
	{ "keep", 0, FLAG_BOOL, offsetof(struct create_options, keep), "do not delete the container at its end" },
	{ 0 },
};

/* Signals are ours from here on; earlier ones end us, and with us the process that waits for its release. */
static int start(struct lifecycle *l, struct supervisor *supervisor, const struct create_options *o, struct err *err)
{
	int r = o->launch.detach ? 0 : supervise_start(supervisor, !o->no_subreaper, err);

	if (notify_is_wanted())
		supervisor->notify = notify_open(l->state.dir);
	if (r == 0)
		r = lifecycle_release(l, err);

	/* Others may look at it, and work on it, while we wait. */
	if (r == 0)
		state_unlock(&l->state);
	return r;
}

/* Somebody else may have deleted it meanwhile. */
static int destroy(const struct runk *runk, const char *id, pid_t pid, struct err *err)
{
	_autostate_ struct state s = STATE_INIT;
	struct err why = ERR_INIT;
	int r = state_open(runk, id, true, &s, &why);

	if (r == -ENOENT || (r == 0 && s.pid != pid))
		return 0;
	return r < 0 ? err_copy(err, &why) : lifecycle_destroy(runk, &s, err);
}

static int run_in(struct lifecycle *l, struct supervisor *supervisor, const struct create_options *o,
                  const struct runk *runk, const char *id, struct err *err)
{
	int r = lifecycle_create(l, runk, &o->launch, id, false, err), status;

	if (r < 0)
		return r;
	r = start(l, supervisor, o, err);
	if (r < 0) {
		struct err ignored = ERR_INIT;

		launch_done(&l->launch);
		(void)lifecycle_destroy(runk, &l->state, &ignored);
		return r;
	}
	if (o->launch.detach)
		return supervisor->notify < 0
		               ? 0
		               : notify_wait(supervisor->notify, l->state.pid, l->launch.result.pidfd, err);
	status = supervise_wait(supervisor, l->state.pid, l->launch.result.pidfd, l->launch.master, err);
	r = status < 0 || o->keep ? 0 : destroy(runk, id, l->state.pid, err);
	return r < 0 ? r : status;
}

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	struct create_options *o = arg;
	_autolifecycle_ struct lifecycle l = LIFECYCLE_INIT;
	struct supervisor supervisor = { .signals = -EBADF, .notify = -EBADF };
	int r = create_options_check(runk, o, err);

	(void)argc;
	if (r == 0)
		r = run_in(&l, &supervisor, o, runk, argv[0], err);
	supervise_done(&supervisor);
	return r;
}

const struct command cmd_run = {
	"run",
	"<container-id>",
	"create a container, start it, and wait for it",
	1,
	1,
	false,
	options,
	sizeof(struct create_options),
	run,
	0,
};
